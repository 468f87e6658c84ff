"""From attributions per channel to one value per pixel."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

from relprop.errors import UserError
from relprop.registry import choose

BT601 = (0.299, 0.587, 0.114)  # luminance of red, green and blue, ITU-R BT.601


def luminance(attribution: Tensor) -> Tensor:
    """Red, green and blue weighted by `BT601`, as Bermúdez Schettino (2022) reduces relevance to grey."""
    if attribution.shape[1] != len(BT601):
        raise UserError(
            f"reduction=luminance takes three channels, red, green and blue, not {attribution.shape[1]}; "
            "choose another reduction"
        )
    return (attribution * attribution.new_tensor(BT601).view(-1, 1, 1)).sum(1)


REDUCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "sum": lambda attribution: attribution.sum(1),
        "abs_sum": lambda attribution: attribution.abs().sum(1),
        "positive_sum": lambda attribution: attribution.clamp(min=0).sum(1),
        "max": lambda attribution: attribution.amax(1),
        "luminance": luminance,
    }
)


def reduce_channels(attribution: Tensor, reduction: str) -> Tensor:
    """Heatmaps (N, H, W) of attributions (N, C, H, W) by one of `REDUCTIONS`."""
    reduce = choose("reduction", reduction, REDUCTIONS)
    if attribution.dim() != 4:
        raise UserError(f"attributions must be (N, C, H, W), not {tuple(attribution.shape)}")
    return reduce(attribution)
