"""The overlay of `relprop.visualization`, looked up in a table of its own colours: for many frames a second."""

from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from relprop.live.frames import Pixels
from relprop.visualization import colour_map, overlay
from relprop.visualization.colors import QUANTILE

GREYS = 256
_FINER = 8  # levels for every colour of the map: the overlay's opacity has more than the map has colours


def fast_limit(heatmap: NDArray[np.float32]) -> float:
    """`colour_limit` of a finite heatmap (H, W), without torch, whose threads would get in the network's way.

    The quantile lies between the two values next to its place in the order, of which only the largest are looked for.
    """
    magnitudes = np.abs(heatmap).reshape(-1)
    place = QUANTILE * (magnitudes.size - 1)
    largest = np.partition(magnitudes, int(place))[int(place) :]
    above = largest[1:].min() if largest.size > 1 else largest[0]
    robust = float(largest[0] + (above - largest[0]) * (place - int(place)))
    return robust if robust > 0 else float(largest.max()) or 1.0


def fast_overlay(seen: Pixels, heatmap: NDArray[np.float32], limit: float, signed: bool) -> Pixels:
    """`overlay` of an image uint8 (H, W, 3), red first, and a finite heatmap (H, W), as uint8 (H, W, 3), red first.

    `limit` is the heatmap's `colour_limit`. No value is further than 1 from that of `overlay`, rounded.
    """
    table = _table(signed)
    levels = len(table)
    position = heatmap * np.float32((0.5 if signed else 1) * levels / limit)
    if signed:
        position += np.float32(levels / 2)
    level = position.clip(0, levels - 1).astype(np.int32)
    grey = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY)  # ITU-R BT.601, as there
    packed: NDArray[np.uint32] = table.reshape(-1)[level * GREYS + grey]
    coloured = packed.view(np.uint8).reshape(*packed.shape, 4)
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_RGBA2RGB), np.uint8)  # in one piece, to be enlarged fast


@cache
def _table(signed: bool) -> NDArray[np.uint32]:
    """The overlay's colours (levels of relevance, levels of grey): red, green and blue in the first three bytes."""
    levels = colour_map(signed).N * _FINER
    position = (torch.arange(levels) + 0.5) / levels
    shares = 2 * position - 1 if signed else position
    heatmap = shares[:, None].expand(levels, GREYS)
    grey = (torch.arange(GREYS) / (GREYS - 1)).expand(3, levels, GREYS)
    colours = overlay(grey[None], heatmap[None], signed, limit=torch.ones(1))[0]
    table = np.zeros((levels, GREYS, 4), np.uint8)
    table[..., :3] = colours.mul(255).round().byte().movedim(0, -1).numpy()
    return table.view(np.uint32)[..., 0]
