"""What a report shows, as plain data: a page of sections, each a table with its curves and pictures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from relprop.errors import UserError
from relprop.tables import Table


@dataclass(frozen=True, eq=False)
class Shown:
    """An image beside its heatmap: RGB, uint8 (H,W,3), the heatmap already coloured; `caption`: class, score, …

    Raises `UserError` for other shapes and types.
    """

    image: NDArray[np.uint8]
    heatmap: NDArray[np.uint8]
    caption: str = ""

    def __post_init__(self) -> None:
        for name, picture in (("image", self.image), ("heatmap", self.heatmap)):
            if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != np.uint8:
                raise UserError(
                    f"{name} must be uint8 (H, W, 3), not {picture.dtype} {picture.shape}; convert it first"
                )


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures of one method: those it explains best and worst, and images that every method is shown on (`same`)."""

    method: str
    best: Sequence[Shown] = ()
    worst: Sequence[Shown] = ()
    same: Sequence[Shown] = ()


@dataclass(frozen=True)
class Curve:
    """A method's mean curve in a panel such as "insertion, strict", with the 95 % interval of the mean.

    `x`, `mean`, `low`, `high`: as many finite numbers each, one or more, x ascending. Curves of one panel share its
    axes, whose labels are those of its first curve.
    Raises `UserError` for other lengths, order and values.
    """

    method: str
    panel: str
    x: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    x_label: str = ""
    y_label: str = ""

    def __post_init__(self) -> None:
        name = f"the curve of {self.method!r} in {self.panel!r}"
        series = {"x": self.x, "mean": self.mean, "low": self.low, "high": self.high}
        lengths = {key: len(values) for key, values in series.items()}
        if len(set(lengths.values())) > 1 or not len(self.x):
            raise UserError(f"{name} must have as many values of each, one or more, not {lengths}")
        for key, values in series.items():
            if not all(map(math.isfinite, values)):
                raise UserError(f"{name} has {key} that is not finite; leave such images out and say so in a note")
        if any(after < before for before, after in zip(self.x[:-1], self.x[1:], strict=True)):
            raise UserError(f"{name} must have ascending x, not {list(self.x)}")


@dataclass(frozen=True)
class Section:
    """A table and all that belongs to it: curves, pictures by method, and figures, name → bytes of a PNG file.

    The value in `method_column` of a row is the method by which rows, curves and pictures are filtered.
    Raises `UserError` if a row has no text there.
    """

    title: str
    table: Table
    curves: Sequence[Curve] = ()
    galleries: Sequence[Gallery] = ()
    figures: Mapping[str, bytes] = field(default_factory=dict)
    method_column: int = 0

    def __post_init__(self) -> None:
        for number, row in enumerate(self.table.rows, 1):
            if not isinstance(row[self.method_column], str):
                place = f"row {number}, column {self.method_column}"
                raise UserError(f"{place} of {self.title!r} must be a method's name, not {row[self.method_column]!r}")

    def row_methods(self) -> list[str]:
        """The method of each row of the table."""
        return [str(row[self.method_column]) for row in self.table.rows]


@dataclass(frozen=True)
class Page:
    """A report: `lead` says what it shows, `notes` how it was made; `configs`: label → YAML text."""

    title: str
    lead: str
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    configs: Mapping[str, str] = field(default_factory=dict)

    def methods(self) -> list[str]:
        """Every method that occurs, in the order in which they first do."""
        names = [
            name
            for section in self.sections
            for name in (
                *section.row_methods(),
                *(curve.method for curve in section.curves),
                *(gallery.method for gallery in section.galleries),
            )
        ]
        return list(dict.fromkeys(names))
