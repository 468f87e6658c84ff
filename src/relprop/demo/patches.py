"""Squares that are painted onto a picture, to see what the network makes of it without what lies below them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from relprop.data import ImageDataModule
from relprop.errors import UserError
from relprop.metrics.perturbation.fills import FILLS

PAINTS: Mapping[str, str] = MappingProxyType(
    {"mean": "mean", "noise": "uniform", "black": "black", "white": "white", "blur": "blur"}
)
"""What squares are painted with, as people say it, and the fill of perturbation metrics that it is."""

MOST_STROKES = 200


@dataclass(frozen=True)
class Stroke:
    """Squares of `side` pixels, painted at one go: `cells` are their rows and columns in the grid of such squares."""

    paint: str
    side: int
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Picture:
    """What the network sees, uint8 (3, S, S), and what has been painted onto it; `name` is for people."""

    name: str
    clean: Tensor
    strokes: tuple[Stroke, ...] = ()

    @property
    def title(self) -> str:
        """The name, and whether something was painted onto it."""
        return f"{self.name}, painted over" if self.strokes else self.name

    def with_stroke(self, stroke: Stroke) -> "Picture":
        """One stroke more. Raises `UserError` if there are too many."""
        if len(self.strokes) >= MOST_STROKES:
            raise UserError(f"the picture has {MOST_STROKES} strokes, which is the most; undo some, or begin anew")
        return replace(self, strokes=(*self.strokes, stroke))

    def undone(self) -> "Picture":
        """One stroke less, if there is any."""
        return replace(self, strokes=self.strokes[:-1])

    def bare(self) -> "Picture":
        """Nothing painted."""
        return replace(self, strokes=())


def read_stroke(given: Any, size: int) -> Stroke:
    """The stroke that a browser tells of, on a picture of `size` × `size` pixels.

    `given` is {"paint": a name of `PAINTS`, "side": pixels, "cells": [[row, column], …]}. Raises `UserError` for
    anything else.
    """
    if not isinstance(given, Mapping) or not {"paint", "side", "cells"} <= set(given):
        raise UserError("a stroke needs paint, side and cells")
    paint, side, cells = given["paint"], given["side"], given["cells"]
    if not isinstance(paint, str) or paint not in PAINTS:
        raise UserError(f"squares are painted with one of: {', '.join(PAINTS)}")
    if not _is_count(side) or not 1 <= side <= size:
        raise UserError(f"squares of the picture have a side from 1 to {size} pixels")
    last = (size - 1) // side
    if not isinstance(cells, list) or not 1 <= len(cells) <= (last + 1) ** 2:
        raise UserError(f"a stroke of squares with {side} pixels has from 1 to {(last + 1) ** 2} of them")
    for cell in cells:
        if not (isinstance(cell, list) and len(cell) == 2 and all(_is_count(i) and 0 <= i <= last for i in cell)):
            raise UserError(f"a square's row and column go from 0 to {last}")
    return Stroke(paint, side, tuple((row, column) for row, column in cells))


def painted(picture: Picture, data: ImageDataModule) -> Tensor:
    """The picture with its strokes, uint8 (3, S, S), later ones over earlier ones; noise is the same always."""
    pixels = picture.clean
    paints = {stroke.paint: _paint(picture.clean, stroke.paint, data) for stroke in picture.strokes}
    for stroke in picture.strokes:
        pixels = torch.where(_covered(stroke, pixels.shape[-1]), paints[stroke.paint], pixels)
    return pixels


def _covered(stroke: Stroke, size: int) -> Tensor:
    """Where the stroke lies on a picture of `size` pixels, boolean (size, size); squares at the rim are cut off."""
    count = -(-size // stroke.side)
    grid = torch.zeros(count, count, dtype=torch.bool)
    rows, columns = torch.tensor(stroke.cells).T
    grid[rows, columns] = True
    return grid.repeat_interleave(stroke.side, 0).repeat_interleave(stroke.side, 1)[:size, :size]


def _paint(clean: Tensor, paint: str, data: ImageDataModule) -> Tensor:
    """The whole picture in that paint, uint8 (3, S, S)."""
    mean, std = torch.tensor([data.mean, data.std]).view(2, 1, 3, 1, 1)
    images = (clean.unsqueeze(0).float() / 255 - mean) / std
    pixels = FILLS[PAINTS[paint]](data.mean, data.std, seed=0).of(images)
    everywhere = torch.ones(1, *clean.shape[1:], dtype=torch.bool)
    filled = pixels(images, torch.zeros(1, dtype=torch.int64), everywhere)
    return data.denormalize(filled)[0].mul(255).round().byte()


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
