"""Insertion and deletion curves of many images, and their mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
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
    wrap,
)

MOST_DRAWN = 200
"""More single curves than this darken into one grey area; the mean is over all of them all the same."""

_Z = 1.959964  # 97.5 % quantile of the normal distribution
_LEFTS = (88, 764)  # in pixels, as all below
_PANEL_WIDTH, _PANEL_HEIGHT = 606, 376
_BELOW = 150  # under the panels: tick labels, axis label, legend
_PANELS = {"insertion": ("shown", "#0072b2"), "deletion": ("hidden", "#d55e00")}
_NEEDED = ("protocol", "fractions", *_PANELS, *(f"{name}_curve" for name in _PANELS))


def insertion_deletion_curves(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Insertion and deletion side by side: every image's curve, their mean, its 95 % interval, the area under it.

    `rows`: as `InsertionDeletion.rows`, one per image, of one protocol and with the same `fractions`. The interval is
    the normal one of the mean, at each point: mean ± 1.96 · std / √n; it is left out for one image. At most 200 single
    curves are drawn, evenly spread over the rows; the legend says so.
    Raises `ValueError` for no rows, missing keys, rows that differ in protocol or fractions, and NaN.
    """
    fractions = _check(rows)
    heading = wrap(title, TEXT_WIDTH - 2 * MARGIN, TITLE, most=2)
    heading.append(f"protocol {rows[0]['protocol']}, {len(rows)} image{'s' if len(rows) > 1 else ''}")
    top = MARGIN + len(heading) * line_height(TITLE) + line_height(LABEL) + 3 * PAD
    figure = new_figure(TEXT_WIDTH, top + _PANEL_HEIGHT + _BELOW)
    add_text(figure, MARGIN, MARGIN, heading, TITLE, INK)
    for left, (name, (verb, colour)) in zip(_LEFTS, _PANELS.items(), strict=True):
        axes = add_axes(figure, left, top, _PANEL_WIDTH, _PANEL_HEIGHT)
        curves = np.array([row[f"{name}_curve"] for row in rows], dtype=float)
        areas = np.array([row[name] for row in rows], dtype=float)
        spread = f" ± {areas.std(ddof=1):.3f} (std)" if len(rows) > 1 else ""
        _draw_curves(axes, fractions, curves, colour, f"mean, area {areas.mean():.3f}{spread}")
        _dress(axes, name, verb)
    figure.axes[0].set_ylabel("probability of the explained class", size=LABEL, color=INK)
    return figure


def _check(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """The fractions that all rows share, (P,); `ValueError` for rows that cannot be drawn together."""
    if not rows:
        raise ValueError("rows is empty; at least one row of InsertionDeletion.rows is needed")
    for index, row in enumerate(rows):
        if missing := [key for key in _NEEDED if key not in row]:
            raise ValueError(f"rows[{index}] lacks {', '.join(missing)}; needed are {', '.join(_NEEDED)}")
        for key in ("protocol", "fractions"):
            if row[key] != rows[0][key]:
                raise ValueError(f"rows[{index}] and rows[0] differ in {key}; draw rows of one metric only")
        for key in _PANELS:
            values = [row[key], *row[f"{key}_curve"]]
            if len(values) != len(row["fractions"]) + 1:
                raise ValueError(
                    f"rows[{index}] has {len(values) - 1} points in {key}_curve and {len(row['fractions'])} fractions"
                )
            if not np.isfinite(values).all():
                raise ValueError(f"rows[{index}] has NaN or infinite values in {key}")
    return np.array(rows[0]["fractions"], dtype=float)


def mean_interval(curves: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bound (P,) of the normal 95 % interval of the mean of curves (N,P), N at least 2."""
    mean = curves.mean(0)
    half = _Z * curves.std(0, ddof=1) / np.sqrt(len(curves))
    return mean - half, mean + half


def _draw_curves(
    axes: Axes, fractions: NDArray[np.float64], curves: NDArray[np.float64], colour: str, label: str
) -> None:
    count, mean = len(curves), curves.mean(0)
    axes.fill_between(fractions, mean, color=colour, alpha=0.12, linewidth=0, zorder=1)
    drawn = np.linspace(0, count - 1, min(count, MOST_DRAWN)).round().astype(int)
    single = [np.column_stack([fractions, curves[index]]) for index in drawn]
    name = "each image" if len(drawn) == count else f"{len(drawn)} of {count} images"
    opacity = float(np.clip(15 / len(drawn), 0.12, 0.4))  # the more curves, the fainter each
    axes.add_collection(LineCollection(single, colors="0.5", linewidths=0.4, alpha=opacity, zorder=2))
    (line,) = axes.plot(fractions, mean, color=colour, linewidth=1.4, label=label, zorder=4, clip_on=False)
    keys: list[Artist] = [line]  # of one image the mean says all
    if count > 1:
        band: dict[str, Any] = {"color": colour, "alpha": 0.35, "linewidth": 0, "zorder": 3}
        interval = "95 % interval of the mean (normal)"
        keys.append(axes.fill_between(fractions, *mean_interval(curves), label=interval, **band))
        keys.append(Line2D([], [], color="0.6", linewidth=0.6, label=name))
    style: dict[str, Any] = {"ncols": 2, "fontsize": SMALL, "labelcolor": INK, "frameon": False, "borderaxespad": 0}
    axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(0, -0.19), columnspacing=1.5, **style)


def _dress(axes: Axes, name: str, verb: str) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title(name.capitalize(), size=LABEL, color=INK)
    axes.set_xlabel(f"share of pixels {verb}", size=LABEL, color=INK)
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color=FAINT, width=0.5, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(linewidth=0.5, color=FAINT)
