"""Perturbation curves of many images, and their means."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from relprop.visualization.columns import Rows
from relprop.visualization.curve_rows import SCORES, CurveRows
from relprop.visualization.panels import add_legend, dress, images, mean_and_std, new_panels

MOST_DRAWN = 200
"""More single curves than this darken into one grey area; the mean is over all of them all the same."""

_Z = 1.959964  # 97.5 % quantile of the normal distribution
_GREYS = ("0.9", "0.8")  # of the areas between curves


@dataclass(frozen=True)
class _Style:
    title: str
    short: str
    verb: str
    colour: str
    dashes: str  # so that the means can be told apart in print without colours


_STYLES: Mapping[str, _Style] = MappingProxyType(
    {
        "insertion": _Style("Insertion", "insertion", "shown", "#0072b2", "-"),
        "deletion": _Style("Deletion", "deletion", "hidden", "#d55e00", "-"),
        "morf": _Style("MoRF, most relevant first", "MoRF", "flipped", "#d55e00", "-"),
        "lerf": _Style("LeRF, least relevant first", "LeRF", "flipped", "#0072b2", "--"),
        "random": _Style("Random order", "Random", "flipped", "#009e73", ":"),
    }
)


def perturbation_curves(rows: Rows, title: str) -> Figure:
    """One panel per curve: every image's curve, their mean, its 95 % interval, the area that is measured.

    `rows`: of a perturbation metric, one per image, of one protocol and with the same `fractions`; for one or more of
    the names insertion, deletion, morf, lerf and random they have `NAME_curve`, and for all of these the area `NAME`,
    `auc_NAME` or `aopc_NAME`; `score` says what the curves hold (probability, logit or log_odds; without it,
    probability). Where there are morf and lerf, or morf and random, a last panel holds the means against one another,
    the area between them (of lerf: the symmetric relevance gain of Blücher et al. 2024), and where it counts against
    the heatmaps.
    The interval is the normal one of the mean, at each point: mean ± 1.96 · std / √n; it is left out for one image. At
    most 200 single curves are drawn, evenly spread over the rows; the legend says so.
    Raises `ValueError` for no rows, missing keys, rows that differ in protocol, fractions or score, and NaN.
    """
    data = CurveRows.read(rows)
    names = list(data.curves)
    count = len(names) + bool(data.partners)
    entries = 3 if len(rows) > 1 else 1
    if data.partners:
        entries = max(entries, len(names) + len(data.partners) + bool(data.crossing))
    note = f"protocol {data.protocol}, {images(len(rows))}"
    figure, panels = new_panels(title, note, count, entries)
    for index, axes in enumerate(panels):
        axes.set(xlim=(0, data.fractions[-1]), ylim=data.limits)
        if index < len(names):
            style = _STYLES[names[index]]
            _draw_curves(axes, data, names[index])
            dress(axes, style.title, f"share of pixels {style.verb}", SCORES[data.score])
        else:
            _draw_comparison(axes, data)
            heading = "Difference of AOPC" if data.aopc else "Area between the curves"
            dress(axes, heading, "share of pixels flipped", SCORES[data.score])
    return figure


def mean_interval(curves: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bound (P,) of the normal 95 % interval of the mean of curves (N,P), N at least 2."""
    mean = curves.mean(0)
    half = _Z * curves.std(0, ddof=1) / np.sqrt(len(curves))
    return mean - half, mean + half


def _draw_curves(axes: Axes, data: CurveRows, name: str) -> None:
    fractions, curves, colour = data.fractions, data.curves[name], _STYLES[name].colour
    count, mean = len(curves), curves.mean(0)
    floor = mean[0] if data.aopc else 0
    axes.fill_between(fractions, mean, floor, color=colour, alpha=0.12, linewidth=0, zorder=1)
    drawn = np.linspace(0, count - 1, min(count, MOST_DRAWN)).round().astype(int)
    single = [np.column_stack([fractions, curves[index]]) for index in drawn]
    opacity = float(np.clip(15 / len(drawn), 0.12, 0.4))  # the more curves, the fainter each
    axes.add_collection(LineCollection(single, colors="0.5", linewidths=0.4, alpha=opacity, zorder=2))
    label = f"mean, {_area(data)} {mean_and_std(data.areas[name])}"
    keys: list[Artist] = [_draw_mean(axes, data, name, label, "-")]  # of one image the mean says all
    if count > 1:
        keys.append(_draw_interval(axes, data, name, "95 % interval of the mean (normal)"))
        every = "each image" if len(drawn) == count else f"{len(drawn)} of {count} images"
        keys.append(Line2D([], [], color="0.6", linewidth=0.6, label=every))
    add_legend(axes, keys)


def _draw_comparison(axes: Axes, data: CurveRows) -> None:
    """The means, and the area between that of most relevant first and the others."""
    keys: list[Artist] = []
    for name, curves in data.curves.items():
        if len(curves) > 1:
            _draw_interval(axes, data, name, None)
        keys.append(_draw_mean(axes, data, name, _STYLES[name].short, _STYLES[name].dashes))
    lower = data.curves["morf"].mean(0)
    fill: dict[str, Any] = {"interpolate": True, "linewidth": 0, "zorder": 1}
    for partner, grey in zip(data.partners, _GREYS, strict=False):
        upper = data.curves[partner].mean(0)
        terms = ("MoRF", _STYLES[partner].short) if data.aopc else (_STYLES[partner].short, "MoRF")
        label = f"{' − '.join(terms)} {mean_and_std(data.gain(partner))}"
        gained = {"where": upper >= lower, "color": grey, "label": label}
        keys.append(axes.fill_between(data.fractions, lower, upper, **gained, **fill))
    for partner in data.crossing:
        upper = data.curves[partner].mean(0)
        lost = {"where": upper < lower, "facecolor": "none", "edgecolor": "0.6", "hatch": "//////"}
        hatched = axes.fill_between(data.fractions, lower, upper, label="counts as negative", **lost, **fill)
    add_legend(axes, [*keys, hatched] if data.crossing else keys)


def _area(data: CurveRows) -> str:
    return "AOPC" if data.aopc else "area"


def _draw_mean(axes: Axes, data: CurveRows, name: str, label: str, dashes: str) -> Line2D:
    style: dict[str, Any] = {"color": _STYLES[name].colour, "linewidth": 1.4, "zorder": 4, "clip_on": False}
    (line,) = axes.plot(data.fractions, data.curves[name].mean(0), linestyle=dashes, label=label, **style)
    return line


def _draw_interval(axes: Axes, data: CurveRows, name: str, label: str | None) -> Artist:
    style: dict[str, Any] = {"color": _STYLES[name].colour, "alpha": 0.35, "linewidth": 0, "zorder": 3}
    return axes.fill_between(data.fractions, *mean_interval(data.curves[name]), label=label, **style)
