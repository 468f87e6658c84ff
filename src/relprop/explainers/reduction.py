"""From attributions per channel to one value per pixel. The reduction is a named step, the same for every method."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import Tensor

from relprop.registry import choose

REDUCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "sum": lambda attribution: attribution.sum(1),
        "abs_sum": lambda attribution: attribution.abs().sum(1),
        "max": lambda attribution: attribution.amax(1),
    }
)


def reduce_channels(attribution: Tensor, reduction: str) -> Tensor:
    """Heatmaps (N, H, W) of attributions (N, C, H, W) by one of `REDUCTIONS`."""
    return choose("reduction", reduction, REDUCTIONS)(attribution)
