"""How many pixels flip at each step of a perturbation metric."""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from relprop.visualization.columns import Rows, check_rows, fractions_of, table
from relprop.visualization.figures import INK
from relprop.visualization.panels import add_legend, dress, images, new_panels

_COLOUR = "#0072b2"
_ROUNDING = 1e-6  # what differs by a smaller share of the largest counts as equal


def flips_per_step(rows: Rows, title: str, pixels: int | None = None) -> Figure:
    """Pixels that flip at each step, and all that have by then: mean and range of the images, and the schedule.

    `rows`: of a perturbation metric, one per image, with the same `fractions`, the share of pixels that should have
    flipped by each point. Where ties flip together they also have `flips`, the share that has; without it, all images
    keep to the schedule. `pixels`: of an image (H·W), to count the new ones; None gives per cent of all.
    Raises `ValueError` for no rows, missing keys, rows that differ in protocol or fractions, and shares that are not
    finite, fall, or leave [0,1].
    """
    tied = any("flips" in row for row in rows)
    check_rows(rows, ("protocol", "fractions", *(["flips"] if tied else [])), ("protocol", "fractions"))
    if pixels is not None and pixels < 1:
        raise ValueError(f"pixels={pixels} must be at least 1, or None")
    unit = 100 if pixels is None else pixels
    scheduled = fractions_of(rows)
    flipped = _shares(rows) if tied else np.tile(scheduled, (len(rows), 1))
    if scheduled[0] > 0:  # then the first point is a step, too
        scheduled, flipped = np.insert(scheduled, 0, 0), np.insert(flipped, 0, 0, axis=1)
    grows = np.insert(np.diff(scheduled) > 0, 0, True)  # a protocol may end with a point at which nothing flips
    scheduled, flipped = scheduled[grows], flipped[:, grows]
    note = f"protocol {rows[0]['protocol']}, {images(len(rows))}"
    figure, (new, all_so_far) = new_panels(title, note, 2, entries=3 if tied else 2)
    _draw(new, np.diff(scheduled) * unit, np.diff(flipped) * unit, filled=True)
    _draw(all_so_far, scheduled[1:] * 100, flipped[:, 1:] * 100, filled=False)
    dress(new, "New pixels at each step" + (", % of all pixels" if pixels is None else ""), "step", "")
    dress(all_so_far, "All flipped so far, % of all pixels", "step", "")
    for axes in (new, all_so_far):
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10), integer=True))
    return figure


def _shares(rows: Rows) -> NDArray[np.float64]:
    """Share of pixels flipped by each point, (N,P)."""
    shares = table(rows, "flips", "fractions")
    wrong = (shares < 0).any(1) | (shares > 1).any(1) | (np.diff(shares) < 0).any(1)
    if wrong.any():
        raise ValueError(f"rows[{np.flatnonzero(wrong)[0]}] must have flips that never fall, within [0, 1]")
    return shares


def _draw(axes: Axes, scheduled: NDArray[np.float64], flipped: NDArray[np.float64], filled: bool) -> None:
    edges = np.arange(len(scheduled) + 1) + 0.5
    low, mean, high = flipped.min(0), flipped.mean(0), flipped.max(0)
    alike = bool((high - low < _ROUNDING * high.max()).all())
    name = "mean of the images" if not alike else "every image" if len(flipped) > 1 else "the image"
    fill: dict[str, Any] = {"fill": True, "linewidth": 0}
    style: dict[str, Any] = {"alpha": 0.45, **fill} if filled else {"linewidth": 1.4, "baseline": None}
    keys: list[Artist] = [axes.stairs(mean, edges, color=_COLOUR, label=name, **style)]
    if not alike:
        band = {"baseline": low, "color": "0.6", "alpha": 0.35, "label": "smallest to largest", "zorder": 0}
        keys.append(axes.stairs(high, edges, **band, **fill))
    keys.append(axes.stairs(scheduled, edges, color=INK, linewidth=0.8, baseline=None, label="schedule"))
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.06 * high.max()))
    add_legend(axes, keys)
