"""Insertion and deletion of one image's heatmaps by several methods, against those of random maps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from relprop.visualization.columns import Rows
from relprop.visualization.curve_rows import SCORES, CurveRows
from relprop.visualization.figures import (
    FAINT,
    INK,
    MARGIN,
    PAD,
    SMALL,
    TEXT_WIDTH,
    TITLE,
    add_axes,
    add_text,
    line_height,
    new_figure,
    text_width,
    wrap,
)
from relprop.visualization.panels import dress
from relprop.visualization.scores import PALETTE, Better, named, written

_BETTER: Mapping[str, Better] = {"insertion": "higher", "deletion": "lower"}
_SHARES = {"insertion": "share of pixels shown", "deletion": "share of pixels hidden"}
_DASHES = ("-", "--", "-.", ":")
_RANDOM: Mapping[str, Any] = {"color": "0.45", "linestyle": "--", "linewidth": 1.0}
_ABOVE, _BELOW, _SWATCH = 43, 76, 60  # pixels: a panel's title, its tick labels and axis label, a line in the table


@dataclass(frozen=True)
class _Layout:
    """Places in pixels: width of the page, corners and size of the panels, and the table's columns."""

    page: int
    left: int
    size: tuple[int, int]
    columns: int
    names: int
    column: int
    heads: tuple[str, str, str]

    def corner(self, number: int, top: int) -> tuple[int, int]:
        """Left and top of a panel, where the first one's title begins at `top`."""
        width, height = self.size
        row, column = divmod(number, self.columns)
        return self.left + column * (width + 70), top + row * (height + _ABOVE + _BELOW) + _ABOVE


_WIDE = _Layout(TEXT_WIDTH, 104, (598, 370), 2, 300, 150, ("insertion ↑", "deletion ↓", "difference ↑"))
_STACKED = _Layout(500, 92, (384, 340), 1, 192, 72, ("ins. ↑", "del. ↓", "diff. ↑"))


def method_curves(
    methods: Mapping[str, Mapping[str, Any]], random: Rows, title: str, note: str = "", stacked: bool = False
) -> Figure:
    """Two panels, insertion and deletion, with a line for each method, and a table of the areas below the lines.

    - `methods`: by name, one or more, the row of `InsertionDeletion` for that method's heatmap of the image.
    - `random`: the rows of random maps of the same image, one or more; grey are their mean and their range.
    - `note`: what must be said beside the numbers, as protocol and step; three lines at most.
    - `stacked`: the panels stand below one another on a page of 2.5 in, whose type can be read on a telephone;
      otherwise side by side on one of 7 in.

    The difference is insertion − deletion. Methods differ by colour and by dashes. The axes of a probability end at 1,
    or closer to the curves if all are below one half. Raises `ValueError` for no methods or random maps, for rows of
    another metric, protocol or step, and for NaN.
    """
    data = _read(methods, random)
    layout = _STACKED if stacked else _WIDE
    inner = layout.page - 2 * MARGIN
    heading = wrap(title, inner, TITLE, most=4)
    first = MARGIN + len(heading) * line_height(TITLE)
    table = first + 2 // layout.columns * (layout.size[1] + _ABOVE + _BELOW)
    notes = [line for text in (_about(data, len(methods)), note) for line in wrap(text, inner, SMALL, most=3)]
    end = table + (len(methods) + 2) * line_height(SMALL) + PAD
    figure = new_figure(layout.page, end + len(notes) * line_height(SMALL) + MARGIN)
    add_text(figure, MARGIN, MARGIN, heading, TITLE, INK)
    looks = zip(methods, cycle(PALETTE), cycle(_DASHES), strict=False)
    styles = [{"color": colour, "linestyle": dashes, "linewidth": 1.4} for _, colour, dashes in looks]
    for number, name in enumerate(_BETTER):
        axes = add_axes(figure, *layout.corner(number, first), *layout.size)
        axes.set(xlim=(0, data.fractions[-1]), ylim=_limits(data))
        _draw_curves(axes, data.fractions, data.curves[name], styles)
        dress(axes, named(name.capitalize(), _BETTER[name]), _SHARES[name], SCORES[data.score])
    _draw_table(figure, layout, table, _areas(data, methods), [*styles, _RANDOM])
    add_text(figure, MARGIN, end, notes, SMALL, FAINT)
    return figure


def _read(methods: Mapping[str, Mapping[str, Any]], random: Rows) -> CurveRows:
    if not methods or not random:
        raise ValueError("methods and random must have one row or more each")
    data = CurveRows.read([*methods.values(), *random])
    if set(data.curves) != set(_BETTER):
        raise ValueError(f"rows have curves {', '.join(data.curves)}; needed are {', '.join(_BETTER)}")
    return data


def _limits(data: CurveRows) -> tuple[float, float]:
    """Of both y axes."""
    low, high = data.limits
    most = max(curve.max() for curve in data.curves.values())
    return (low, 1.1 * most) if data.score == "probability" and 0 < most < 0.5 else (low, high)


def _draw_curves(
    axes: Axes, fractions: NDArray[np.float64], curves: NDArray[np.float64], styles: Sequence[Mapping[str, Any]]
) -> None:
    """Curves (N,P): the first have the `styles`, the others are those of random maps."""
    random = curves[len(styles) :]
    axes.fill_between(fractions, random.min(0), random.max(0), color=_RANDOM["color"], alpha=0.25, linewidth=0)
    axes.plot(fractions, random.mean(0), zorder=3, clip_on=False, **_RANDOM)
    for number, style in enumerate(styles):  # the first on top
        axes.plot(fractions, curves[number], zorder=4 + len(styles) - number, clip_on=False, **style)


def _areas(data: CurveRows, methods: Iterable[str]) -> dict[str, tuple[float, float]]:
    """Insertion and deletion, by what they are of."""
    insertion, deletion = (data.areas[name] for name in _BETTER)
    found = {name: (insertion[i], deletion[i]) for i, name in enumerate(methods)}
    count = len(found)
    return {**found, _maps(len(insertion) - count): (insertion[count:].mean(), deletion[count:].mean())}


def _draw_table(
    figure: Figure,
    layout: _Layout,
    top: int,
    areas: Mapping[str, tuple[float, float]],
    styles: Sequence[Mapping[str, Any]],
) -> None:
    """A line in its style, its name, both areas and their difference; numbers end where their heads do."""
    rights = [MARGIN + _SWATCH + layout.names + (number + 1) * layout.column for number in range(3)]
    for right, head in zip(rights, layout.heads, strict=True):
        add_text(figure, right - text_width(head, SMALL), top, [head], SMALL, FAINT)
    across, down = figure.get_size_inches() * figure.dpi
    for number, ((name, (insertion, deletion)), style) in enumerate(zip(areas.items(), styles, strict=True), start=1):
        y = top + number * line_height(SMALL)
        ends = np.array([MARGIN, MARGIN + _SWATCH - 2 * PAD]) / across
        figure.add_artist(Line2D(ends, [1 - (y + 0.6 * line_height(SMALL)) / down] * 2, **style))
        add_text(figure, MARGIN + _SWATCH, y, wrap(name, layout.names, SMALL, most=1), SMALL, INK)
        for right, value in zip(rights, (insertion, deletion, insertion - deletion), strict=True):
            text = written(value, ".3f")
            add_text(figure, right - text_width(text, SMALL), y, [text], SMALL, INK)


def _maps(count: int) -> str:
    return "a random map" if count == 1 else f"random, mean of {count}"


def _about(data: CurveRows, methods: int) -> str:
    """What is grey."""
    gains = (data.areas["insertion"] - data.areas["deletion"])[methods:]
    if len(gains) == 1:
        return "grey: a random map"
    low, high = (written(value, ".3f") for value in (gains.min(), gains.max()))
    return f"grey: mean and range of {len(gains)} random maps, the difference from {low} to {high}"
