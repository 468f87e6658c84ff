"""A picture alone: no axes, no type, no scale."""

from pathlib import Path

from PIL import Image
from torch import Tensor

from relprop.visualization.figures import DPI, check_png

_AT_LEAST = 128
"""Pixels of the shorter side; smaller pictures, which would be stamps on a screen, are enlarged."""


def save_picture(rgb: Tensor, path: str | Path) -> None:
    """Write a picture (3,H,W) in [0,1] as a PNG, pixel by pixel; equal pictures give equal bytes.

    Every pixel of a small one becomes a square of as many as it takes for 128 on the shorter side: 32 × 32 pixels are
    written as 128 × 128. The scale of its colours is what `contact_sheet` of the same heatmap shows.
    Creates the folder. Raises `ValueError` for other shapes and values, and for a path that does not end in .png.
    """
    path = check_png(path)
    if rgb.dim() != 3 or rgb.shape[0] != 3 or rgb.numel() == 0:
        raise ValueError(f"rgb must be (3, H, W), not {tuple(rgb.shape)}")
    pixels = rgb.detach().float().cpu()
    if not ((pixels >= 0) & (pixels <= 1)).all():  # so written, NaN is refused too
        raise ValueError("rgb must be finite and lie in [0, 1]")
    factor = -(-_AT_LEAST // min(rgb.shape[1:]))
    enlarged = pixels.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    levels = enlarged.mul(255).round().byte().movedim(0, -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels.numpy()).save(path, "PNG", dpi=(DPI, DPI))
