"""A score over a grid of two parameters."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from relprop.visualization.figures import (
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
    text_width,
    wrap,
)
from relprop.visualization.layout import BAR
from relprop.visualization.scores import Better, best, named, written

_SPEC = ".3f"
_WIDEST, _HIGHEST, _LOWEST = 130, 64, 30  # pixels of a cell
_LONGEST_BAR = 500
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_NO_BREAK = "\N{NO-BREAK SPACE}"
_MOST_NAMED = 3  # of best cells that look alike


def score_grid(
    values: NDArray[np.float64],
    row_values: Sequence[float | str],
    column_values: Sequence[float | str],
    row_name: str,
    column_name: str,
    score_name: str,
    better: Better,
    title: str,
) -> Figure:
    """A heat map of a score over two parameters, with every number in its cell; the best cells are framed and named.

    - `values`: (R,C), NaN where there is none, which is drawn as a dash.
    - `row_values`, `column_values`: R and C values of the parameters, first row on top. A grid over one parameter has
      one row, `row_values=[""]` and `row_name=""`, or one column likewise.
    - `better`: the colours are brighter where the score is. Cells that look alike, with three digits, are best alike.

    The page is 7 in wide at most. Raises `ValueError` for values of another shape, infinite ones, and none at all.
    """
    values = np.asarray(values, dtype=float)
    _check(values, len(row_values), len(column_values))
    rows, columns = ([_label(value) for value in labels] for labels in (row_values, column_values))
    marked = best(values, better, _SPEC)
    note = f"{better} is better, and brighter{_best_text(values, marked, rows, columns, row_name, column_name)}"
    left = MARGIN + (line_height(LABEL) + 2 * PAD if row_name else 0) + _widest(rows) + 2 * PAD
    cell = min(_WIDEST, (TEXT_WIDTH - left - 2 * MARGIN) // len(columns))
    width, height = cell * len(columns), min(_HIGHEST, max(_LOWEST, cell)) * len(rows)
    upright = _widest(columns) > cell - PAD
    page = max(TEXT_WIDTH // 2, left + width + 2 * MARGIN)
    heading = wrap(title, page - 2 * MARGIN, TITLE, most=4)
    heading += wrap(note, page - 2 * MARGIN, TITLE, most=3)
    top = MARGIN + len(heading) * line_height(TITLE) + 2 * PAD
    below = top + height + (_widest(columns) if upright else line_height(SMALL)) + line_height(LABEL) + 6 * PAD
    figure = new_figure(page, below + BAR + line_height(SMALL) + line_height(LABEL) + 3 * PAD + MARGIN)
    add_text(figure, MARGIN, MARGIN, heading, TITLE, INK)
    colours = ScalarMappable(_range(values), _colours(better))
    axes = add_axes(figure, left, top, width, height)
    _draw_cells(axes, values, marked, colours)
    axes.set_xticks(range(len(columns)), columns, rotation=90 if upright else 0, parse_math=False)
    axes.set_yticks(range(len(rows)), rows, parse_math=False)
    _dress(axes, column_name, row_name)
    _draw_bar(figure, left, below, min(page - left - 2 * MARGIN, _LONGEST_BAR), colours, named(score_name, better))
    return figure


def _check(values: NDArray[np.float64], rows: int, columns: int) -> None:
    if values.shape != (rows, columns) or not values.size:
        expected = f"(R, C) = {(rows, columns)} like row_values and column_values, one at least"
        raise ValueError(f"values must be {expected}, not {values.shape}")
    if np.isinf(values).any() or np.isnan(values).all():
        raise ValueError("values must have a number, and none that is infinite")


def _label(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}".replace("-", "−")


def _widest(labels: Sequence[str]) -> int:
    return round(max(text_width(label, SMALL) for label in labels))


def _best_text(
    values: NDArray[np.float64],
    marked: NDArray[np.bool_],
    rows: Sequence[str],
    columns: Sequence[str],
    row_name: str,
    column_name: str,
) -> str:
    """As "; best: γ = 0.25, ε = 0.1 (0.612)", of one or more cells that look alike."""
    places = np.argwhere(marked)
    if not len(places):
        return ""
    cells = [
        ", ".join(
            f"{name}{_NO_BREAK}={_NO_BREAK}{label}"
            for name, label in ((row_name, rows[row]), (column_name, columns[column]))
            if name
        )
        for row, column in places[:_MOST_NAMED]
    ]
    more = f" and {len(places) - _MOST_NAMED} more" if len(places) > _MOST_NAMED else ""
    return f"; best: {'; '.join(cells)}{more} ({written(values[tuple(places[0])], _SPEC)})"


def _range(values: NDArray[np.float64]) -> Normalize:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.5 * (low == high)  # one value alone has the middle of the colours
    return Normalize(low - room, high + room)


def _colours(better: Better) -> Colormap:
    return matplotlib.colormaps["viridis" if better == "higher" else "viridis_r"]


def _draw_cells(axes: Axes, values: NDArray[np.float64], marked: NDArray[np.bool_], colours: ScalarMappable) -> None:
    rgba = colours.to_rgba(values)
    axes.imshow(rgba, aspect="auto", interpolation="nearest")
    texts = [[written(value, _SPEC) if np.isfinite(value) else "–" for value in row] for row in values]
    room = axes.bbox.width / values.shape[1] - PAD
    size = SMALL * min(1, room / max(text_width(text, SMALL) for row in texts for text in row))
    for row, column in np.ndindex(values.shape):
        dark = np.isfinite(values[row, column]) and rgba[row, column, :3] @ _LUMA < 0.5
        style: dict[str, Any] = {
            "color": "white" if dark else INK,
            "weight": "bold" if marked[row, column] else "normal",
        }
        axes.text(column, row, texts[row][column], size=size, ha="center", va="center", parse_math=False, **style)
        if marked[row, column]:
            frame: dict[str, Any] = {"fill": False, "edgecolor": INK, "linewidth": 1.2, "clip_on": False}
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **frame))


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.spines[:].set_visible(False)
    axes.tick_params(labelsize=SMALL, labelcolor=INK, length=0, pad=3)
    axes.set_xlabel(x, size=LABEL, color=INK, labelpad=2, parse_math=False)
    axes.set_ylabel(y, size=LABEL, color=INK, labelpad=2, parse_math=False)


def _draw_bar(figure: Figure, left: float, top: float, width: float, colours: ScalarMappable, name: str) -> None:
    axes = add_axes(figure, left, top, width, BAR)
    axes.set_label("colour bar")
    bar = figure.colorbar(colours, cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.ax.locator_params(nbins=5)
    bar.ax.tick_params(labelsize=SMALL, labelcolor=FAINT, color=FAINT, length=2, width=0.5, pad=1)
    bar.ax.set_xlabel(name, size=LABEL, color=INK, labelpad=2, parse_math=False)
