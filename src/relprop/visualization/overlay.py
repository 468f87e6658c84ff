"""A heatmap laid over its image."""

import torch
from torch import Tensor

from relprop.visualization.checks import check_pictures
from relprop.visualization.colors import colourize, is_signed, scale

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_STRENGTH = 0.9  # opacity of full colour on a dark image
_PALER = 0.2  # share of white that full colour has on a pale one: the map's own ends are too dark to see through


def overlay(images: Tensor, heatmaps: Tensor, signed: bool | None = None, limit: Tensor | None = None) -> Tensor:
    """The heatmaps (N,H,W) in colour over the images (N,3,H,W) in [0,1] in grey: float32 (N,3,H,W) in [0,1].

    Where there is no relevance the grey image shows alone; where there is much, its light and shade stay, in the map's
    colour. `signed` and `limit` as in `colourize`.
    Raises `ValueError` for images out of [0,1], for NaN and for shapes that do not fit together.
    """
    check_pictures(images, heatmaps)
    signed = is_signed(heatmaps) if signed is None else signed
    luma = torch.tensor(_LUMA).view(1, 3, 1, 1)
    grey = (images.detach().float().cpu() * luma).sum(1, keepdim=True)
    light = 0.5 + 0.5 * grey  # so that the image's edges and textures show through any colour
    shares, colours = scale(heatmaps, limit).unsqueeze(1), colourize(heatmaps, signed, limit)
    if signed:  # a stain on a pale image: blended by opacity, the map's white would ring every change of sign
        return light * (1 - (1 - colours) * (1 - _PALER * shares.abs()))
    # Embers on a dark image; the exponent lets weak relevance tint it without drowning it.
    opacity = _STRENGTH * shares.clamp(min=0) ** 0.75
    return 0.7 * grey * (1 - opacity) + light * colours * opacity
