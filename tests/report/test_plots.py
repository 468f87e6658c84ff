"""Numbers become places in a picture, and can be read off it again."""

import numpy as np
import pytest

from relprop.report import Curve
from relprop.report.plots import BOTTOM, LEFT, RIGHT, TOP, Axis, plots
from tests.report.pages import curve


def values(points: str, x: Axis, y: Axis) -> np.ndarray:
    """Points as numbers again: low + (place − start) / (end − start) · (high − low)."""
    places = np.array([pair.split(",") for pair in points.split()], dtype=float)
    return np.column_stack(
        [
            axis.low + (places[:, i] - axis.start) / (axis.end - axis.start) * (axis.high - axis.low)
            for i, axis in enumerate((x, y))
        ]
    )


def test_lines_and_areas_hold_the_numbers() -> None:
    shown = [
        curve("a", "insertion", (0.1, 0.6, 0.9)),
        curve("b", "deletion", (0.9, 0.2, 0.1)),
        curve("b", "insertion", (0, 0, 0)),
    ]
    first, second = plots(shown, {"a": 4, "b": 7})
    assert [(plot.title, plot.x.label, plot.y.label) for plot in (first, second)] == [
        ("insertion", "share of pixels shown", "probability"),
        ("deletion", "share of pixels shown", "probability"),
    ]
    assert [line.method for line in first.lines] == [4, 7]
    assert [line.method for line in second.lines] == [7]
    mean = values(first.lines[0].points, first.x, first.y)
    np.testing.assert_allclose(mean, [[0, 0.1], [0.5, 0.6], [1, 0.9]], atol=1e-4)
    area = values(first.lines[0].area, first.x, first.y)
    np.testing.assert_allclose(area, [[0, 0.2], [0.5, 0.7], [1, 1.0], [1, 0.8], [0.5, 0.5], [0, 0.0]], atol=1e-4)


def test_axes_hold_all_that_is_drawn() -> None:
    (plot,) = plots([curve("a", "", (0.1, 0.6, 0.93)), curve("b", "", (-0.27, 0.2, 0.1))], {"a": 0, "b": 1})
    assert (plot.x.start, plot.x.end, plot.y.start, plot.y.end) == (LEFT, RIGHT, BOTTOM, TOP)
    assert (plot.x.low, plot.x.high) == (0, 1)
    # The interval reaches from −0.37 to 1.03, which the next ticks enclose.
    assert plot.y.low == pytest.approx(-0.5) and plot.y.high == pytest.approx(1.5)
    assert [tick.text for tick in plot.x.ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert [tick.text for tick in plot.y.ticks] == ["−0.5", "0", "0.5", "1", "1.5"]
    for axis in (plot.x, plot.y):
        for tick in axis.ticks:
            assert tick.place == pytest.approx(axis.place(float(tick.text.replace("−", "-"))))
    assert plot.y.place(-0.5) == BOTTOM and plot.y.place(1.5) == TOP


def test_across_no_room_is_left() -> None:
    x = [0.07, 0.1, 0.3]
    (plot,) = plots([Curve("a", "", x, x, x, x)], {"a": 0})
    assert (plot.x.low, plot.x.high) == (0.07, 0.3)
    assert [tick.text for tick in plot.x.ticks] == ["0.1", "0.15", "0.2", "0.25", "0.3"]


def test_an_axis_has_ticks_at_its_ends_despite_rounding() -> None:
    assert -3 * 0.1 < -0.3  # as ticks are made
    x = [-0.3, 0.0, 0.1]
    (plot,) = plots([Curve("a", "", x, x, x, x)], {"a": 0})
    assert [tick.text for tick in plot.x.ticks] == ["−0.3", "−0.2", "−0.1", "0", "0.1"]


def test_one_point_and_a_flat_line() -> None:
    (plot,) = plots([Curve("a", "", [2.0], [1.0], [1.0], [1.0])], {"a": 0})
    assert (plot.x.low, plot.x.high) == (1.5, 2.5)
    assert plot.lines[0].points == f"{(LEFT + RIGHT) / 2:.2f},{(TOP + BOTTOM) / 2:.2f}"
