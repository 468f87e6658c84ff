"""Scores over a parameter."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from relprop.visualization.panels import add_legend, dress, new_panels
from relprop.visualization.scores import PALETTE, Better, Estimate, estimates_of, named

_DASHES, _MARKERS = ("-", "--", ":"), "os^Dv"  # so that lines can be told apart in print without colours
_NOTE = "dots: means, bands: their 95 % intervals"


def score_lines(
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[Estimate | None]]],
    x_name: str,
    title: str,
    better: Mapping[str, Better] | None = None,
) -> Figure:
    """One panel for each score, one line for each of what is compared, with a band for the 95 % interval.

    - `x`: (P,) values of the parameter, rising; `x_name`: its name.
    - `panels`: for each score's name, for each line's name, P estimates; None leaves a gap in the line.
    - `better`: by the score's name, which numbers are; an arrow says so.

    A line has the same colour, dashes and markers in all panels. The page is 7 in wide, 3.5 in for one panel. Raises
    `ValueError` for no panels or lines, for `x` that does not rise, and for lines of another length.
    """
    places = np.array(x, dtype=float)
    _check(places, panels, better or {})
    lines = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    styles = dict(zip(lines, zip(cycle(PALETTE), cycle(_DASHES), cycle(_MARKERS), strict=False), strict=False))
    most = max(map(len, panels.values()))
    figure, axes_of_panels = new_panels(title, _NOTE, len(panels), entries=most + 1)
    for axes, (score, drawn) in zip(axes_of_panels, panels.items(), strict=True):
        keys = [
            _draw(axes, places, estimates_of(estimates, f"{score}, {name}"), name, styles[name])
            for name, estimates in drawn.items()
        ]
        add_legend(axes, [*keys, Patch(color="0.8", linewidth=0, label="95 % interval")])
        dress(axes, named(score, (better or {}).get(score)), x_name, "score")
    return figure


def _check(
    x: NDArray[np.float64],
    panels: Mapping[str, Mapping[str, Sequence[Estimate | None]]],
    better: Mapping[str, Better],
) -> None:
    if not panels or not all(panels.values()):
        raise ValueError("panels must have one score or more, and every score one line or more")
    if not (x.size and np.isfinite(x).all() and (np.diff(x) > 0).all()):
        raise ValueError(f"x must be one or more finite numbers that rise, not {x.tolist()}")
    if unknown := [score for score in better if score not in panels]:
        raise ValueError(f"better has {unknown[0]!r}, which is none of the scores {', '.join(panels)}")
    for score, lines in panels.items():
        for name, estimates in lines.items():
            if len(estimates) != len(x):
                raise ValueError(f"{name} of {score} has {len(estimates)} estimates for {len(x)} values of x")


def _draw(
    axes: Axes, x: NDArray[np.float64], values: NDArray[np.float64], name: str, style: tuple[str, str, str]
) -> Artist:
    colour, dashes, marker = style
    mean, low, high = values.T
    axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0, zorder=2)
    # A band needs two neighbours; the bar shows the interval of a lone value, too.
    axes.vlines(x, low, high, color=colour, alpha=0.4, linewidth=0.8, zorder=2)
    look: dict[str, Any] = {"color": colour, "linestyle": dashes, "marker": marker, "markersize": 2.5, "linewidth": 1.2}
    (line,) = axes.plot(x, mean, label=name, zorder=3, **look)
    return line
