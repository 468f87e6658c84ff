"""How alike two heatmaps are. Each is a function of two batches of maps (N, H, W), float64, that gives (N,)."""

import warnings
from typing import cast

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from relprop.errors import UserError

SIGMA = 1.5  # of SSIM's Gaussian window, in pixels, as Wang et al. 2004
TRUNCATE = 3.5  # torchmetrics cuts the window here, in σ


def rank_correlation(maps: Tensor, others: Tensor) -> Tensor:
    """Spearman's rank correlation over the pixels, from −1 to 1; ties share their average rank.

    A constant map has no ranks to correlate: 0, and a warning.
    """
    a, b = (_centred(_ranks(m.flatten(1))) for m in (maps, others))
    norm = ((a * a).sum(1) * (b * b).sum(1)).sqrt()
    if (norm == 0).any():
        warnings.warn(
            "a constant heatmap ranks no pixel before another; its rank correlation counts as 0", stacklevel=2
        )
    return (a * b).sum(1) / torch.where(norm == 0, 1.0, norm)


def ssim(maps: Tensor, others: Tensor) -> Tensor:
    """Structural similarity (Wang et al. 2004) of the magnitudes, each map's divided by its largest: in [0, 1].

    So do Adebayo et al. 2018 normalise absolute maps in their published code. The Gaussian window has 11×11 pixels; in
    images with sides below 6 it shrinks to what reflection at the rim can fill.
    """
    side = min(maps.shape[1:])
    if side < 2:
        raise UserError(
            f"images of {maps.shape[1]}×{maps.shape[2]} pixels have no structure to compare; take 2×2 or more"
        )
    sigma = SIGMA if side > 5 else (side - 1) / TRUNCATE  # no more than side − 1 pixels can be reflected
    a, b = (_magnitudes(m).unsqueeze(1) for m in (maps, others))
    return cast(Tensor, structural_similarity_index_measure(a, b, sigma=sigma, data_range=1.0, reduction="none"))


def _ranks(values: Tensor) -> Tensor:
    """Twice the average rank, float64 (N, n), but for 1: how many in the row are smaller, plus how many not larger."""
    ascending, values = values.sort(dim=1).values, values.contiguous()
    smaller = torch.searchsorted(ascending, values)
    not_larger = torch.searchsorted(ascending, values, right=True)
    return (smaller + not_larger).double()


def _centred(ranks: Tensor) -> Tensor:
    return ranks - ranks.mean(1, keepdim=True)


def _magnitudes(maps: Tensor) -> Tensor:
    largest = maps.abs().amax((1, 2), keepdim=True)
    return maps.abs() / torch.where(largest == 0, 1.0, largest)
