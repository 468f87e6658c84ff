"""Scores of many methods with their intervals, beside one another: a forest plot."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
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
from relprop.visualization.scores import BLUE, ORANGE, Better, Estimate, best, estimates_of, named, written

_SPEC = ".3f"
_MOST_PANELS = 6  # more leave no room for ticks
_LONGEST_NAME = 380  # pixels; longer ones end in an ellipsis
_PITCH = round(1.25 * line_height(LABEL))  # from one method's line to the next
_BETWEEN = 26  # pixels from the numbers of a panel to the next panel
_TICK = 70  # pixels that a tick label needs
_NOTE = "dots: means, lines: their 95 % intervals"


def score_intervals(
    labels: Sequence[str],
    columns: Mapping[str, Sequence[Estimate | None]],
    score_name: str,
    better: Better,
    title: str,
) -> Figure:
    """One line for each method, one panel for each column, with the mean as a dot, its 95 % interval, and its number.

    - `labels`: the methods' names, drawn from top to bottom in this order.
    - `columns`: for each panel's name, such as a protocol, one to six of them, an estimate of each method; None has a
      dash instead.
    - `score_name`: of the one score that all panels show, on axes with the same limits. The best mean of each panel by
      `better` is orange and bold; means that look alike, with three digits, are best alike.

    The page is 7 in wide. Raises `ValueError` for other numbers of panels or estimates, and for no estimate at all.
    """
    values = {name: estimates_of(estimates, name) for name, estimates in columns.items()}
    limits = _limits(labels, values)
    left = MARGIN + round(min(_LONGEST_NAME, max(text_width(label, LABEL) for label in labels))) + 2 * PAD
    numbers = round(max(text_width(written(end, _SPEC), SMALL) for end in limits)) + 2 * PAD
    count = len(columns)
    width = (TEXT_WIDTH - MARGIN - left - count * numbers - (count - 1) * _BETWEEN) // count
    heading = wrap(title, TEXT_WIDTH - 2 * MARGIN, TITLE, most=4)
    heading += wrap(f"{_NOTE}; best of each panel: orange and bold", TEXT_WIDTH - 2 * MARGIN, TITLE, most=2)
    names = [wrap(name, width + numbers, LABEL, most=2) for name in columns]
    top = MARGIN + len(heading) * line_height(TITLE) + max(map(len, names)) * line_height(LABEL) + 3 * PAD
    height = _PITCH * len(labels)
    figure = new_figure(TEXT_WIDTH, top + height + line_height(SMALL) + line_height(LABEL) + 3 * PAD + MARGIN)
    add_text(figure, MARGIN, MARGIN, heading, TITLE, INK)
    _write_labels(figure, labels, top, left)
    for place, (name, column) in enumerate(zip(names, values.values(), strict=True)):
        axes = add_axes(figure, left + place * (width + numbers + _BETWEEN), top, width, height)
        axes.set(xlim=limits, ylim=(len(labels) - 0.5, -0.5))
        _draw(axes, column, best(column[:, 0], better, _SPEC))
        _dress(axes, "\n".join(name), named(score_name, better))
    return figure


def _limits(labels: Sequence[str], values: Mapping[str, NDArray[np.float64]]) -> tuple[float, float]:
    """Of all panels, with some room on both sides."""
    if not 1 <= len(values) <= _MOST_PANELS:
        raise ValueError(f"columns has {len(values)} panels; it must have from 1 to {_MOST_PANELS}")
    for name, column in values.items():
        if len(column) != len(labels):
            raise ValueError(
                f"{name} has {len(column)} estimates; it must have one for each of the {len(labels)} labels"
            )
    numbers = np.concatenate([column.ravel() for column in values.values()])
    if not np.isfinite(numbers).any():
        raise ValueError("columns has no estimate at all")
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room


def _write_labels(figure: Figure, labels: Sequence[str], top: int, left: int) -> None:
    for line, label in enumerate(labels):
        lines = wrap(label, left - MARGIN - 2 * PAD, LABEL, most=1)
        middle = top + (line + 0.5) * _PITCH
        add_text(figure, MARGIN, middle - line_height(LABEL) / 2, lines, LABEL, INK)


def _draw(axes: Axes, column: NDArray[np.float64], marked: NDArray[np.bool_]) -> None:
    for line in range(0, len(column), 2):
        axes.axhspan(line - 0.5, line + 0.5, color="0.96", linewidth=0, zorder=0)
    for line, (mean, low, high) in enumerate(column):
        colour = ORANGE if marked[line] else BLUE
        axes.hlines(line, low, high, color=colour, linewidth=1.2, zorder=2)
        axes.plot([mean], [line], marker="o", markersize=3, color=colour, zorder=3, clip_on=False)
        style: dict[str, Any] = {"size": SMALL, "color": INK, "weight": "bold" if marked[line] else "normal"}
        place: dict[str, Any] = {"xytext": (PAD * 72 / axes.figure.dpi, 0), "textcoords": "offset points"}
        text = written(mean, _SPEC) if np.isfinite(mean) else "–"
        axes.annotate(text, (1, line), xycoords=("axes fraction", "data"), va="center", **place, **style)


def _dress(axes: Axes, title: str, x: str) -> None:
    axes.set_title(title, size=LABEL, color=INK, parse_math=False)
    axes.set_xlabel(x, size=LABEL, color=INK, labelpad=2, parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(max(1, min(6, int(axes.bbox.width) // _TICK)), steps=(1, 2, 2.5, 5, 10)))
    axes.grid(axis="x", color="0.85", linewidth=0.4, zorder=1)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color=FAINT, width=0.5, length=2)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set(linewidth=0.5, color=FAINT)
