"""Curves as the geometry of an SVG picture: axes with ticks, a line for each mean, an area for each interval."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from matplotlib.ticker import MaxNLocator

from relprop.report.page import Curve

WIDTH, HEIGHT = 480, 300
"""Of the whole picture, in its own units, which are pixels where there is room."""

LEFT, RIGHT, TOP, BOTTOM = 54, 468, 12, 254
"""The box of the axes within it."""


@dataclass(frozen=True)
class Tick:
    """A place along an axis, in the picture's units, and the number that stands there."""

    place: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A linear scale: `low` lies at `start` of the picture and `high` at `end`."""

    label: str
    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[Tick]

    def place(self, value: float) -> float:
        """start + (value − low) / (high − low) · (end − start)."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True)
class Line:
    """A mean and its interval as lists of points, "x,y x,y …", and the number of its method."""

    method: int
    points: str
    area: str


@dataclass(frozen=True)
class Plot:
    """All curves of one panel on the same axes."""

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    width: int = WIDTH
    height: int = HEIGHT


def plots(curves: Sequence[Curve], numbers: Mapping[str, int]) -> list[Plot]:
    """One plot for each panel, in the order in which they first occur; `numbers`: those of the methods."""
    panels = dict.fromkeys(curve.panel for curve in curves)
    return [_plot(panel, [curve for curve in curves if curve.panel == panel], numbers) for panel in panels]


def _plot(title: str, curves: Sequence[Curve], numbers: Mapping[str, int]) -> Plot:
    across = list(chain.from_iterable(curve.x for curve in curves))
    up = list(chain.from_iterable((*curve.mean, *curve.low, *curve.high) for curve in curves))
    x = _axis(curves[0].x_label, across, LEFT, RIGHT, rounded=False)
    y = _axis(curves[0].y_label, up, BOTTOM, TOP, rounded=True)
    return Plot(title, x, y, [_line(curve, numbers[curve.method], x, y) for curve in curves])


def _axis(label: str, values: Sequence[float], start: float, end: float, rounded: bool) -> Axis:
    """From the least to the largest value, or `rounded` outwards to the next ticks."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - 0.5, high + 0.5
    numbers = [float(number) for number in MaxNLocator(nbins=5, steps=[1, 2, 5, 10]).tick_values(low, high)]
    if rounded:
        low, high = min(low, numbers[0]), max(high, numbers[-1])
    bare = Axis(label, low, high, start, end, ())
    slack = (high - low) * 1e-9  # 0.1 · 3 is a tick of an axis that ends at 0.3
    ticks = [Tick(bare.place(number), _text(number)) for number in numbers if low - slack <= number <= high + slack]
    return Axis(label, low, high, start, end, ticks)


def _line(curve: Curve, method: int, x: Axis, y: Axis) -> Line:
    forth = _points(curve.x, curve.high, x, y)
    back = _points(curve.x, curve.low, x, y)[::-1]
    return Line(method, " ".join(_points(curve.x, curve.mean, x, y)), " ".join(forth + back))


def _points(across: Iterable[float], up: Iterable[float], x: Axis, y: Axis) -> list[str]:
    return [f"{x.place(a):.2f},{y.place(b):.2f}" for a, b in zip(across, up, strict=True)]


def _text(number: float) -> str:
    return f"{number:.6g}".replace("-", "−")
