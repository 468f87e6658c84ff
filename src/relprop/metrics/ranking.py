"""From a heatmap to the step at which each pixel is shown or hidden. Every protocol is one such function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

from relprop.errors import UserError


@dataclass(frozen=True)
class Schedule:
    """When each patch flips.

    `flips`: for every patch, the point of the curve at which it flips, LongTensor (N, patches); patches that flip at
    point t have flipped at all later points too. `points`: the points of the curve, LongTensor (P,), ascending; nothing
    has flipped at point 0. `fractions`: share of patches flipped at each point if no two are tied, float64 (P,).
    `abscissae`: where the protocol places the points when it takes the area, from 0 to 1, float64 (P,).
    """

    flips: Tensor
    points: Tensor
    fractions: Tensor
    abscissae: Tensor


def patch_scores(heatmaps: Tensor, patch: int) -> Tensor:
    """Largest value of each patch×patch square, row by row: (N, H, W) → (N, patches). Squares at the rim may be cut."""
    return F.max_pool2d(heatmaps.unsqueeze(1), patch, ceil_mode=True).flatten(1)


def to_pixels(patches: Tensor, patch: int, size: tuple[int, int]) -> Tensor:
    """Each patch's value at all of its pixels: (N, patches) → (N, H, W)."""
    rows, columns = (-(-side // patch) for side in size)
    grid = patches.view(-1, rows, columns)
    return grid.repeat_interleave(patch, 1).repeat_interleave(patch, 2)[:, : size[0], : size[1]]


def strict(scores: Tensor, step: int) -> Schedule:
    """Exactly `step` patches more at every point, ties broken by position; 0 % and 100 % included."""
    total = scores.shape[1]
    order = scores.argsort(dim=1, descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(1, order, torch.arange(total, device=order.device).expand_as(order))
    points = torch.arange(-(-total // step) + 1, device=scores.device)
    fractions = (points * step).clamp(max=total).double() / total
    return Schedule(rank // step + 1, points, fractions, fractions)


def otsuki2024(scores: Tensor, step: int) -> Schedule:
    """Point i shows every patch whose value reaches that of rank min(step·i, n−1); ties fall together, no 0 % point.

    As the code published with Otsuki et al. 2024 does. Its points count as evenly spaced.
    """
    total = scores.shape[1]
    points = torch.arange(1, -(-total // step) + 1, device=scores.device)
    if len(points) < 2:
        raise UserError(f"step={step} leaves one point for {total} patches and no area; it must be below {total}")
    ranks = (points * step).clamp(max=total - 1)
    thresholds = scores.sort(dim=1, descending=True).values[:, ranks]
    # −thresholds ascend: the first point whose threshold is at most the score
    flips = torch.searchsorted((-thresholds).contiguous(), (-scores).contiguous()) + 1
    evenly_spaced = torch.linspace(0, 1, len(points), device=scores.device, dtype=torch.float64)
    return Schedule(flips, points, (ranks + 1).double() / total, evenly_spaced)


PROTOCOLS: Mapping[str, Callable[[Tensor, int], Schedule]] = MappingProxyType(
    {"strict": strict, "otsuki2024": otsuki2024}
)
