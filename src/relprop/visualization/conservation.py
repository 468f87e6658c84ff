"""Whether as much relevance arrives as was started with."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from relprop.visualization.columns import Rows, check_rows, column, table
from relprop.visualization.panels import add_legend, dress, images, new_panels

MOST_STEPS = 4
"""Of more named steps than this, so many are drawn, evenly spread; the heading says so."""

_COLOUR = "#0072b2"
_INPUT = "input"


def conservation_scatter(rows: Rows, title: str) -> Figure:
    """Start relevance against the sum of relevance at the input, one point per image, as Otsuki et al. 2024 draw it.

    `rows`: as `Conservation.rows`, one per image, with `start`, `input` (sum of relevance at the input) and
    `relative_error`; and, if other places were looked at, `steps`, their names, and `sums`, the sum of relevance at
    each. Every step has its own panel. All axes have the same limits, 0 to 1 if all values lie there, and the same
    scale; on the line through 0 relevance is conserved. Errors are |sum − start| / |start|, undivided where that is 0.
    Raises `ValueError` for no rows, missing keys, rows that differ in `steps`, and NaN.
    """
    named = any("steps" in row or "sums" in row for row in rows)
    check_rows(rows, ("start", _INPUT, "relative_error", *(["steps", "sums"] if named else [])), ("steps",))
    start = column(rows, "start")
    steps = _steps(rows) if named else {}
    kept = np.linspace(0, len(steps) - 1, min(len(steps), MOST_STEPS)).round().astype(int)
    names = [_INPUT, *(list(steps)[index] for index in kept)]
    sums = {_INPUT: column(rows, _INPUT), **steps}
    errors = {name: np.abs(sums[name] - start) / np.where(start == 0, 1, np.abs(start)) for name in names}
    errors[_INPUT] = column(rows, "relative_error")
    note = images(len(rows)) + (f", {len(kept)} of {len(steps)} steps" if len(kept) < len(steps) else "")
    figure, panels = new_panels(title, note, len(names), entries=3, square=True)
    limits = _limits(np.concatenate([start, *(sums[name] for name in names)]))
    for axes, name in zip(panels, names, strict=True):
        _draw(axes, start, sums[name], errors[name])
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        place = "at the input" if name == _INPUT else f"at {name}"
        dress(axes, place, "start relevance", "sum of relevance")
    return figure


def _steps(rows: Rows) -> dict[str, NDArray[np.float64]]:
    """The sums (N,) at each of the named steps but the input, which every row has anyway."""
    sums = table(rows, "sums", "steps")
    return {name: sums[:, index] for index, name in enumerate(rows[0]["steps"]) if name != _INPUT}


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    if low == 0 and high <= 1:
        return 0, 1
    room = 0.05 * (high - low)
    return low - room * (low < 0), high + room * (high > 0)


def _draw(axes: Axes, start: NDArray[np.float64], sums: NDArray[np.float64], errors: NDArray[np.float64]) -> None:
    opacity = float(np.clip(60 / len(start), 0.2, 0.8))  # the more points, the fainter each
    axes.scatter(start, sums, s=10, color=_COLOUR, alpha=opacity, linewidth=0, zorder=2, clip_on=False)
    axes.axline((0, 0), slope=1, color="0.6", linewidth=0.6, zorder=1)
    dot = Line2D([], [], color=_COLOUR, marker="o", markersize=3, linestyle="none", label="each image, relative error")
    numbers = Line2D([], [], linestyle="none", label=f"mean {errors.mean():.2g}, worst {errors.max():.2g}")
    add_legend(axes, [dot, numbers, Line2D([], [], color="0.6", linewidth=0.6, label="conserved")])
