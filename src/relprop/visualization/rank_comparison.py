"""What changes in the order of methods from one protocol to another: a slope chart."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from relprop.visualization.figures import (
    DPI,
    INK,
    LABEL,
    MARGIN,
    PAD,
    TITLE,
    add_axes,
    add_text,
    line_height,
    new_figure,
    text_width,
    wrap,
)
from relprop.visualization.scores import BLUE, ORANGE, Better, written

_SPEC = ".3f"
_PAGE = round(5.5 * DPI)
_LONGEST_NAME = 340  # pixels; longer ones end in an ellipsis
_PITCH = round(1.25 * line_height(LABEL))  # from one method's line to the next
_GREY = "0.72"
_MOST_COLOURED = 3  # unless others move as far


@dataclass(frozen=True)
class _Order:
    """M methods by two protocols: their scores, ranks and places from the top, each (M,2)."""

    names: list[str]
    scores: NDArray[np.float64]
    ranks: NDArray[np.int64]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Mapping[str, tuple[float, float]], better: Better) -> Self:
        """Rank 1 + the number of better scores as they are written, so that those that look alike share one."""
        values = np.array(list(scores.values()), dtype=float)
        seen = np.vectorize(lambda value: float(format(value, _SPEC)))(values) * (-1 if better == "higher" else 1)
        ranks = 1 + (seen[None] < seen[:, None]).sum(1)
        places = np.argsort(np.argsort(ranks, axis=0, kind="stable"), axis=0)
        return cls(list(scores), values, ranks, places)

    @property
    def rises(self) -> NDArray[np.int64]:
        """By how many ranks (M,) a method stands higher by the second protocol."""
        return self.ranks[:, 0] - self.ranks[:, 1]

    @property
    def farthest(self) -> int:
        """The least number of ranks by which a method moves that has a colour."""
        return max(1, int(np.sort(np.abs(self.rises))[-min(_MOST_COLOURED, len(self.names))]))

    def colour(self, method: int) -> str | None:
        """Of a method that moves far."""
        rise = self.rises[method]
        return None if abs(rise) < self.farthest else BLUE if rise > 0 else ORANGE

    def summary(self) -> str:
        """How many pairs the two protocols put in opposite orders, and what the colours say."""
        before, after = (np.sign(ranks[:, None] - ranks[None]) for ranks in self.ranks.T)
        swapped, pairs = int((before * after < 0).sum()) // 2, len(self.names) * (len(self.names) - 1) // 2
        text = f"{swapped} of {pairs} pairs of methods change places"
        if not self.rises.any():
            return text
        ranks = "1 rank" if self.farthest == 1 else f"{self.farthest} ranks"
        return f"{text}; colours: up (blue) or down (orange) by {ranks} or more"


def rank_comparison(
    scores: Mapping[str, tuple[float | None, float | None]],
    protocols: tuple[str, str],
    score_name: str,
    better: Better,
    title: str,
) -> Figure:
    """The methods in their order by one protocol and by another, best on top, with a line from place to place.

    - `scores`: by the method's name, its score by each of the two `protocols`. Methods of which one is None have no
      place; the heading names them.
    - `better`: which scores are. Scores that look alike, with three digits, have the same rank, as 1, 2, 2, 4.

    The three methods that move by most ranks have colours, blue up and orange down, and so have others that move as
    far. The heading says how many pairs of methods the two protocols put in opposite orders. The page is 5.5 in wide.
    Raises `ValueError` for fewer than two methods with both scores, and for scores that are not finite.
    """
    both = {name: (one, other) for name, (one, other) in scores.items() if one is not None and other is not None}
    if len(both) < 2 or not np.isfinite(list(both.values())).all():
        raise ValueError("scores must have two finite scores of each of two or more methods; None where there is none")
    order = _Order.of(both, better)
    note = f"{score_name}, {better} is better; {order.summary()}"
    if left_out := [name for name in scores if name not in both]:
        note += f"; without both scores: {', '.join(left_out)}"
    heading = wrap(title, _PAGE - 2 * MARGIN, TITLE, most=4) + wrap(note, _PAGE - 2 * MARGIN, TITLE, most=5)
    top = MARGIN + len(heading) * line_height(TITLE) + line_height(LABEL) + 3 * PAD
    figure = new_figure(_PAGE, top + _PITCH * len(both) + MARGIN)
    add_text(figure, MARGIN, MARGIN, heading, TITLE, INK)
    widths = _widths(order)
    side = MARGIN + sum(widths) + 3 * PAD
    axes = add_axes(figure, side, top, _PAGE - 2 * side, _PITCH * len(both))
    axes.set(xlim=(0, 1), ylim=(len(both) - 0.5, -0.5))
    axes.axis("off")
    _draw(axes, order)
    _write(figure, order, widths, top, protocols)
    return figure


def _widths(order: _Order) -> tuple[int, int, int]:
    """Of the columns beside the lines, in pixels: names, scores, ranks, with room between them."""
    name = min(_LONGEST_NAME, max(text_width(name, LABEL) for name in order.names))
    score = max(text_width(written(score, _SPEC), LABEL) for score in order.scores.flat)
    return round(name), round(score) + 3 * PAD, round(text_width(str(len(order.names)), LABEL)) + 3 * PAD


def _draw(axes: Axes, order: _Order) -> None:
    for method, (before, after) in enumerate(order.places):
        colour = order.colour(method)
        look: dict[str, Any] = {
            "color": colour or _GREY,
            "linewidth": 1.6 if colour else 0.8,
            "zorder": 3 if colour else 2,
        }
        axes.plot([0, 1], [before, after], marker="o", markersize=3, clip_on=False, **look)


def _write(figure: Figure, order: _Order, widths: tuple[int, int, int], top: int, protocols: tuple[str, str]) -> None:
    """Name, score and rank on the left of the lines, and mirrored on the right."""
    name_end, score_end, rank_end = (MARGIN + end for end in accumulate(widths))
    for side, protocol in enumerate(protocols):
        (heading,) = wrap(protocol, _PAGE / 2 - 2 * MARGIN, LABEL, most=1)
        end = max(rank_end, MARGIN + text_width(heading, LABEL))
        _add(figure, end, top - PAD - line_height(LABEL), heading, INK, side)
        for method, name in enumerate(order.names):
            y = top + (order.places[method, side] + 0.5) * _PITCH - line_height(LABEL) / 2
            colour = order.colour(method) or INK
            (short,) = wrap(name, widths[0], LABEL, most=1)
            score, rank = written(order.scores[method, side], _SPEC), str(order.ranks[method, side])
            for end, text in ((name_end, short), (score_end, score), (rank_end, rank)):
                _add(figure, end, y, text, colour, side)


def _add(figure: Figure, end: float, y: float, text: str, colour: str, side: int) -> None:
    """A text that ends `end` pixels from the left edge, or on the other side begins as far from the right one."""
    add_text(figure, _PAGE - end if side else end - text_width(text, LABEL), y, [text], LABEL, colour)
