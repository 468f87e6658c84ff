"""From relevance to colours: how large counts as full colour, and which colour map shows it."""

import matplotlib
import numpy as np
import torch
from matplotlib.colors import Colormap, LinearSegmentedColormap
from torch import Tensor

from relprop.visualization.checks import check_heatmaps

QUANTILE = 0.999
"""Full colour stands for this quantile of an image's |relevance|, so that one stray pixel does not darken the rest."""

_ROUNDING = 1e-5  # negatives smaller than this share of the limit are float32 noise of a non-negative map
# ColorBrewer's RdBu, safe for colour-blind readers and of nearly equal lightness at equal distance from the middle.
_BLUE_TO_RED = (
    *("#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7"),
    *("#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f"),
)
# An odd number of colours: zero gets the middle one exactly, where 256 would leave it between two.
_SIGNED = LinearSegmentedColormap.from_list("relprop_signed", _BLUE_TO_RED, N=257)


def colour_limit(heatmaps: Tensor) -> Tensor:
    """What full colour stands for in each of the heatmaps (N,H,W): its robust maximum, above 0, float32 (N,).

    It is the 99.9th percentile of the |values|; the maximum where that percentile is 0; and 1 for a map of zeros.
    Raises `ValueError` for NaN, infinite values and other shapes.
    """
    check_heatmaps(heatmaps)
    # numpy's quantile, since torch's refuses more than 16 million values
    magnitudes = heatmaps.detach().abs().flatten(1).float().cpu()
    robust = torch.from_numpy(np.quantile(magnitudes.numpy(), QUANTILE, axis=1)).float()
    limit = torch.where(robust > 0, robust, magnitudes.amax(1))
    return torch.where(limit > 0, limit, torch.ones_like(limit))


def limit_text(heatmap: Tensor) -> str:
    """What full colour stands for in a heatmap (H,W), in its own unit, as "100 % = 0.0123" or "100 % = 1.23e−5"."""
    if not heatmap.any():
        return "all values are 0"
    number, _, exponent = f"{colour_limit(heatmap.unsqueeze(0)).item():.3g}".partition("e")
    return f"100 % = {number}" + (f"e{int(exponent)}".replace("-", "−") if exponent else "")


def scale(heatmaps: Tensor, limit: Tensor | None = None) -> Tensor:
    """Heatmaps (N,H,W) as shares of `limit` (N,), cut to [-1,1]: float32 on the CPU, a new tensor.

    None: of their own `colour_limit`.
    """
    limit = colour_limit(heatmaps) if limit is None else limit
    return (heatmaps.detach().float().cpu() / limit.view(-1, 1, 1)).clamp(-1, 1)


def is_signed(heatmaps: Tensor) -> bool:
    """Whether any of the heatmaps (N,H,W) has negative values beyond rounding, so that all need the diverging map."""
    return bool((scale(heatmaps) < -_ROUNDING).any())


def colour_map(signed: bool) -> Colormap:
    """For signed relevance blue – white – red over [-1,1]; else inferno, black – red – yellow, over [0,1]."""
    return _SIGNED if signed else matplotlib.colormaps["inferno"]


def colourize(heatmaps: Tensor, signed: bool | None = None, limit: Tensor | None = None) -> Tensor:
    """Heatmaps (N,H,W) as RGB images float32 (N,3,H,W) in [0,1], each scaled by its own `colour_limit`.

    `signed` chooses the colour map; None asks `is_signed`, so that all of the batch share one. `limit` (N,), above 0,
    stands in place of the maps' own limits, for maps that are to be compared.
    Raises `ValueError` for NaN, infinite values and other shapes.
    """
    check_heatmaps(heatmaps)
    shares = scale(heatmaps, limit)
    signed = is_signed(heatmaps) if signed is None else signed
    position = (shares + 1) / 2 if signed else shares.clamp(min=0)
    rgb = colour_map(signed)(position.numpy())[..., :3]
    return torch.from_numpy(rgb).float().movedim(-1, 1).contiguous()
