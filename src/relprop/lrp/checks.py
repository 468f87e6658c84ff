"""Refuse images that a network cannot be explained on, before anything is computed."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.graph import ELEMENTWISE, Graph, Kind


def check_images(images: Tensor, graph: Graph) -> None:
    """Refuse what is not a finite floating-point batch of at least one image of the shape that the network takes."""
    if not isinstance(images, Tensor) or images.dim() < 2 or not images.is_floating_point():
        given = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise UserError(f"images must be a floating-point tensor (N, C, H, W), not {given}")
    wanted, channels = _first_layer(graph)
    if wanted is not None and images.dim() != wanted:
        names = ", ".join(("", "C", *"DHW"[5 - wanted :]))
        raise UserError(f"images must be a floating-point tensor (N{names}), not {images.dtype} {tuple(images.shape)}")
    if channels is not None and images.shape[1] != channels:
        raise UserError(f"images have {images.shape[1]} channels; the network takes {channels}")
    if len(images) == 0:
        raise UserError("images is an empty batch; give at least one image")
    if not images.isfinite().all():
        bad = (~images.flatten(1).isfinite().all(1)).nonzero().flatten().tolist()
        raise UserError(f"images {bad} contain NaN or infinite pixels")


def _first_layer(graph: Graph) -> tuple[int | None, int | None]:
    """Dimensions and channels of the images, as far as a convolution that they go to unchanged says."""
    ahead: list[int] = [0]
    while ahead:
        for index in graph.consumers[ahead.pop()]:
            step: Any = graph.steps[index]
            if step.kind is Kind.CONV:
                return len(step.module.kernel_size) + 2, step.module.in_channels
            if step.kind in ELEMENTWISE:
                ahead.append(index)
    return None, None


def pixel_box(
    mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The lowest and the highest value of every channel, (0 − mean) / std and (1 − mean) / std; None without both."""
    if mean is None and std is None:
        return None
    if mean is None or std is None or len(mean) != len(std) or not all(s > 0 for s in std):
        raise UserError(f"mean={mean}, std={std}: both or none must be given, one number per channel, and std above 0")
    pairs = list(zip(mean, std, strict=True))
    return tuple(-m / s for m, s in pairs), tuple((1 - m) / s for m, s in pairs)
