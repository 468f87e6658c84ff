"""In which order patches flip, and how many have flipped at each point of a curve."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from relprop.seeding import image_generator

# -- relevance of patches ------------------------------------------------------------------------------------------


def largest(heatmaps: Tensor, patch: int) -> Tensor:
    """The largest value of each patch×patch square: (N, H, W) → (N, patches), row by row. The rim may cut squares."""
    return F.max_pool2d(heatmaps.unsqueeze(1), patch, ceil_mode=True).flatten(1)


def total(heatmaps: Tensor, patch: int) -> Tensor:
    """The sum over each patch×patch square: (N, H, W) → (N, patches), row by row. The rim may cut squares."""
    rows, columns = (-(-side // patch) for side in heatmaps.shape[1:])
    padded = F.pad(heatmaps, (0, columns * patch - heatmaps.shape[2], 0, rows * patch - heatmaps.shape[1]))
    return padded.view(-1, rows, patch, columns, patch).sum((2, 4)).flatten(1)


PATCH_RELEVANCE: Mapping[str, Callable[[Tensor, int], Tensor]] = MappingProxyType({"max": largest, "sum": total})


def to_pixels(patches: Tensor, patch: int, size: tuple[int, int]) -> Tensor:
    """Each patch's value at all of its pixels: (N, patches) → (N, H, W)."""
    rows, columns = (-(-side // patch) for side in size)
    grid = patches.view(-1, rows, columns)
    return grid.repeat_interleave(patch, 1).repeat_interleave(patch, 2)[:, : size[0], : size[1]]


# -- orders --------------------------------------------------------------------------------------------------------


def urgency(relevance: Tensor, order: str, images: Tensor, seed: int) -> Tensor:
    """What flips earlier is larger: relevance (N, patches) for "morf", most relevant first; its negative for "lerf".

    For "random" noise instead, which depends on the image and the seed alone.
    """
    if order == "random":
        noise = [torch.rand(relevance.shape[1], generator=image_generator(image, seed, "order")) for image in images]
        return torch.stack(noise).to(relevance.device)
    return relevance if order == "morf" else -relevance


# -- schedules: how many patches have flipped at point 0, 1, 2, … --------------------------------------------------


def fixed_step(patches: int, step: int, steps: int | None) -> Tensor:
    """0, step, 2·step, … up to all patches, or to as many as `steps` flip: LongTensor (P,)."""
    points = -(-patches // step) if steps is None else min(steps, -(-patches // step))
    return (torch.arange(points + 1) * step).clamp(max=patches)


def fixed_number(patches: int, step: int, steps: int | None) -> Tensor:
    """All patches in `steps` steps as equal as can be, one patch each where there are fewer: LongTensor (P,)."""
    points = patches if steps is None else min(steps, patches)
    return (torch.arange(points + 1).double() * patches / points).round().long()


def growing(patches: int, step: int, steps: int | None) -> Tensor:
    """1, 3, 5, … times `step` patches more, so t²·step after t steps: LongTensor (P,)."""
    points = 0
    while points**2 * step < patches and points != steps:
        points += 1
    return (torch.arange(points + 1) ** 2 * step).clamp(max=patches)


SCHEDULES: Mapping[str, Callable[[int, int, int | None], Tensor]] = MappingProxyType(
    {"step": fixed_step, "number": fixed_number, "growing": growing}
)

# -- ties ----------------------------------------------------------------------------------------------------------


def by_position(urgency: Tensor, counts: Tensor) -> Tensor:
    """The point (N, patches) at which each patch flips, exactly `counts` (P,) of them at each; ties by position.

    Patches that flip at no point get P.
    """
    order = urgency.argsort(dim=1, descending=True, stable=True)
    ranks = torch.arange(urgency.shape[1], device=urgency.device).expand_as(order).contiguous()
    first = torch.searchsorted(counts, ranks, right=True)
    return torch.empty_like(order).scatter_(1, order, first)


def together(urgency: Tensor, counts: Tensor) -> Tensor:
    """The point (N, patches) at which each patch flips: at t all that reach the value of rank min(counts[t], n−1).

    So equal ones flip together and, where none are equal, one more than `counts` says; nothing flips at point 0. As the
    code published with Otsuki et al. 2024 does. Patches that flip at no point get P.
    """
    ranks = counts[1:].clamp(max=urgency.shape[1] - 1)
    thresholds = urgency.sort(dim=1, descending=True).values[:, ranks]
    # −thresholds ascend: the first point whose threshold is at most the urgency
    return torch.searchsorted((-thresholds).contiguous(), (-urgency).contiguous()) + 1


TIES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"position": by_position, "together": together}
)
