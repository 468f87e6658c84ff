from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from relprop.visualization import score_lines
from tests.visualization.pictures import assert_text_is_free

X = [0.0, 0.25, 1.0]
STRICT = [(0.5, 0.4, 0.75), None, (0.25, 0.2, 0.3)]
OTHER = [(0.75, None, None), (1.0, 0.9, 1.1), (0.5, 0.5, 0.5)]
PANELS = {"insertion": {"strict": STRICT, "otsuki2024": OTHER}, "deletion": {"otsuki2024": OTHER}}


def lines(panels: Any = PANELS, x: Any = X, **change: Any) -> Figure:
    return score_lines(x, panels, **{"x_name": "strength", "title": "title", **change})


def drawn(axes: Axes) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in axes.lines}


def test_lines_go_through_the_means_and_have_gaps_where_there_is_none() -> None:
    insertion, deletion = lines().axes
    np.testing.assert_array_equal(drawn(insertion)["strict"].get_xydata(), [[0, 0.5], [0.25, np.nan], [1, 0.25]])
    np.testing.assert_array_equal(drawn(insertion)["otsuki2024"].get_xydata(), [[0, 0.75], [0.25, 1], [1, 0.5]])
    assert list(drawn(deletion)) == ["otsuki2024"]


def test_bands_and_bars_are_the_intervals() -> None:
    """The outline of a band goes along its lower ends and back along the upper ones, or the other way."""
    (axes,) = lines({"insertion": {"otsuki2024": OTHER}}).axes
    band, bars = axes.collections
    (outline,) = band.get_paths()
    corners = {(float(x), float(y)) for x, y in outline.vertices}
    assert corners == {(0.25, 0.9), (0.25, 1.1), (1.0, 0.5)}
    unknown, *known = [path.vertices for path in bars.get_paths()]
    assert not np.isfinite(unknown).any()
    np.testing.assert_array_equal(known, [[[0.25, 0.9], [0.25, 1.1]], [[1, 0.5], [1, 0.5]]])


def test_a_name_looks_the_same_in_all_panels_and_unlike_any_other() -> None:
    insertion, deletion = (drawn(axes) for axes in lines().axes)
    looks = [(to_hex(line.get_color()), line.get_linestyle(), line.get_marker()) for line in insertion.values()]
    other = deletion["otsuki2024"]
    assert (to_hex(other.get_color()), other.get_linestyle(), other.get_marker()) == looks[1]
    assert all(one != another for one, another in zip(*looks, strict=True))
    many = drawn(lines({"a": {f"line {i}": OTHER for i in range(20)}}).axes[0]).values()
    assert len({(to_hex(line.get_color()), line.get_linestyle(), line.get_marker()) for line in many}) == 20


def test_panels_name_scores_with_their_direction_and_legends_name_lines() -> None:
    figure = lines(better={"insertion": "higher", "deletion": "lower"})
    assert [axes.get_title() for axes in figure.axes] == ["insertion ↑", "deletion ↓"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["strength"] * 2
    legends = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]
    assert legends == [["strict", "otsuki2024", "95 % interval"], ["otsuki2024", "95 % interval"]]
    assert [axes.get_title() for axes in lines().axes] == ["insertion", "deletion"]


@pytest.mark.parametrize(("panels", "count"), [(1, 9), (3, 2), (5, 4)])
def test_text_is_free(panels: int, count: int) -> None:
    given = {f"score {i}": {f"method {j}": OTHER for j in range(count)} for i in range(panels)}
    assert_text_is_free(lines(given, title="a long title of many words " * 9))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"panels": {}}, "panels must have one score or more, and every score one line or more"),
        ({"panels": {"a": {}}}, "panels must have one score or more, and every score one line or more"),
        ({"x": [0.0, 1.0, 0.5]}, r"x must be one or more finite numbers that rise, not \[0.0, 1.0, 0.5\]"),
        ({"x": [0.0, 1.0, np.inf]}, "x must be one or more finite numbers that rise"),
        ({"x": []}, "x must be one or more finite numbers that rise"),
        ({"x": [0.0, 1.0]}, "strict of insertion has 3 estimates for 2 values of x"),
        ({"better": {"id": "higher"}}, "better has 'id', which is none of the scores insertion, deletion"),
        ({"panels": {"a": {"b": [(1, 2, 0)] * 3}}}, r"a, b\[0\] must be a finite \(mean, low, high\)"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lines(**change)
