"""Pictures as the page embeds them: nothing is asked for by an address of its own."""

import base64
import io

import torch
from PIL import Image
from torch import Tensor

from relprop.visualization import colour_map, colourize

SMALL = 64
"""Pictures of up to so many pixels a side are shown with their pixels as squares."""


def embedded(rgb: Tensor) -> str:
    """A picture (3, H, W), uint8 or floats in [0, 1], as the address of an image that holds it."""
    pixels = rgb if rgb.dtype == torch.uint8 else rgb.mul(255).round().byte()
    file = io.BytesIO()
    Image.fromarray(pixels.movedim(0, -1).numpy()).save(file, "PNG", compress_level=1)  # soon seen, never stored
    return embedded_png(file.getvalue())


def embedded_png(file: bytes) -> str:
    """The bytes of a PNG file as the address of an image that holds it."""
    return f"data:image/png;base64,{base64.b64encode(file).decode('ascii')}"


def colour_bar(signed: bool) -> str:
    """The colour map from its left end to its right one."""
    colours = colour_map(signed)(torch.linspace(0, 1, 257).numpy())[:, :3]
    return embedded(torch.from_numpy(colours).float().T.unsqueeze(1).contiguous())


def embedded_map(heatmap: Tensor, signed: bool, limit: Tensor | None = None) -> str:
    """A heatmap (H, W) in colours, full colour standing for `limit` (1,); None: for its own."""
    return embedded(colourize(heatmap.unsqueeze(0), signed, limit)[0])
