"""Axes beside one another on a page: title above, axis labels and a legend below each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from relprop.visualization.figures import (
    DPI,
    FAINT,
    INK,
    LABEL,
    MARGIN,
    PAD,
    SMALL,
    TEXT_WIDTH,
    TITLE,
    add_axes,
    add_text,
    line_height,
    new_figure,
    wrap,
)

_LEFT, _RIGHT, _BETWEEN = 104, 30, 70  # in pixels, as all here: beside the first panel, the last one, and any two
_LABELS = 72  # from the foot of a panel to its legend: tick labels and axis label
_LEGEND_LINE = round(1.5 * SMALL * DPI / 72)
_RATIO, _LOWEST = 0.62, 330  # height of a panel: this share of its width, but at least so much
_MOST_COLUMNS = 3
_TICK = 60  # room for a tick label across
_WIDE = 500  # panels from this width on have room for two columns in the legend


def new_panels(title: str, note: str, count: int, entries: int, square: bool = False) -> tuple[Figure, list[Axes]]:
    """A page with `count` panels under a `title` and a `note`, up to three in a line, more in two; each has a legend.

    `entries`: of the largest legend. `square`: as high as wide. The page is 7 in wide, 3.5 in for one column, and about
    5 in for two columns of square panels, which would fill a page otherwise.
    """
    columns = count if count <= _MOST_COLUMNS else -(-count // 2)
    width = _panel_width(3 if square and columns == 2 else columns)
    page = _LEFT + columns * width + (columns - 1) * _BETWEEN + _RIGHT
    height = width if square else max(round(_RATIO * width), _LOWEST)
    heading = wrap(title, page - 2 * MARGIN, TITLE, most=4)
    heading += wrap(note, page - 2 * MARGIN, TITLE, most=2)
    first = MARGIN + len(heading) * line_height(TITLE)
    above = line_height(LABEL) + 3 * PAD  # the panel's own title
    below = _LABELS + -(-entries // _legend_columns(width)) * _LEGEND_LINE + MARGIN
    pitch = above + height + below
    figure = new_figure(page, first + -(-count // columns) * pitch)
    add_text(figure, MARGIN, MARGIN, heading, TITLE, INK)
    corners = [
        (_LEFT + (index % columns) * (width + _BETWEEN), first + index // columns * pitch + above)
        for index in range(count)
    ]
    return figure, [add_axes(figure, *corner, width, height) for corner in corners]


def dress(axes: Axes, title: str, x: str, y: str) -> None:
    """Title, axis labels (`y` at the first panel of a line only), ticks, and thin axes on two sides only."""
    axes.set_title("\n".join(wrap(title, axes.bbox.width, LABEL, most=1)), size=LABEL, color=INK, parse_math=False)
    axes.set_xlabel(x, size=LABEL, color=INK)
    if axes.bbox.x0 < _LEFT + 1:
        axes.set_ylabel(y, size=LABEL, color=INK, labelpad=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(min(6, int(axes.bbox.width) // _TICK), steps=(1, 2, 2.5, 5, 10)))
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color=FAINT, width=0.5, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(linewidth=0.5, color=FAINT)


def add_legend(axes: Axes, handles: Sequence[Artist]) -> None:
    """A legend under the axis label, from the left edge of the panel."""
    style: dict[str, Any] = {"fontsize": SMALL, "labelcolor": INK, "frameon": False, "borderaxespad": 0}
    style |= {"ncols": _legend_columns(axes.bbox.width), "columnspacing": 1.5}
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -_LABELS / axes.bbox.height), **style)


def mean_and_std(values: NDArray[np.float64]) -> str:
    """Mean of the values (N,), and their standard deviation if there are two or more."""
    spread = f" ± {values.std(ddof=1):.3f} (std)" if len(values) > 1 else ""
    return f"{values.mean():.3f}".replace("-", "−") + spread


def images(count: int) -> str:
    """As "1 image", "100 images"."""
    return f"{count} image{'s' if count != 1 else ''}"


def _panel_width(columns: int) -> int:
    page = TEXT_WIDTH if columns > 1 else TEXT_WIDTH // 2
    return (page - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) // columns


def _legend_columns(width: float) -> int:
    return 2 if width >= _WIDE else 1
