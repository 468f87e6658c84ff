from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from relprop.visualization import method_curves
from relprop.visualization.figures import TEXT_WIDTH, figure_to_array
from tests.visualization.metric_rows import FRACTIONS, make_rows
from tests.visualization.pictures import assert_text_is_free, text_boxes

NAMES = ("lrp", "gradcam", "integrated_gradients", "guided_gradcam", "smoothgrad", "rise", "occlusion", "lime")


def given(methods: int, random: int = 3, **shared: Any) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Rows of that many methods and of random maps."""
    rows = make_rows(methods + random, **shared)
    return dict(zip(NAMES, rows[:methods], strict=False)), rows[methods:]


def look(line: Line2D) -> tuple[str, str]:
    return to_hex(line.get_color()), line.get_linestyle()


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def random_of(axes: Axes) -> Line2D:
    return axes.lines[0]


def test_lines_are_the_curves_of_the_rows_and_of_the_mean_of_the_random_ones() -> None:
    methods, random = given(2)
    for axes, name in zip(method_curves(methods, random, "title").axes, ("insertion", "deletion"), strict=True):
        curves = np.array([row[f"{name}_curve"] for row in random])
        np.testing.assert_array_equal(random_of(axes).get_xdata(), FRACTIONS)
        np.testing.assert_allclose(random_of(axes).get_ydata(), curves.mean(0))
        (band,) = axes.collections
        corners = {(round(x, 6), round(y, 6)) for path in band.get_paths() for x, y in path.vertices}
        ends = np.round([*zip(FRACTIONS, curves.min(0), strict=True), *zip(FRACTIONS, curves.max(0), strict=True)], 6)
        assert {(x, y) for x, y in ends.tolist()} == corners
        for line, row in zip(axes.lines[1:], methods.values(), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), row[f"{name}_curve"])


def test_the_table_has_the_areas_and_their_difference() -> None:
    methods, random = given(2)
    said = texts(method_curves(methods, random, "title", "protocol strict"))
    start = said.index("lrp")
    for number, row in enumerate(methods.values()):
        name, *values = said[start + 4 * number : start + 4 * number + 4]
        assert name == NAMES[number]
        expected = (row["insertion"], row["deletion"], row["insertion"] - row["deletion"])
        assert values == [f"{value:.3f}".replace("-", "−") for value in expected]
    insertion, deletion = (np.mean([row[name] for row in random]) for name in ("insertion", "deletion"))
    expected = [f"{value:.3f}".replace("-", "−") for value in (insertion, deletion, insertion - deletion)]
    assert said[start + 8 : start + 12] == ["random, mean of 3", *expected]
    gains = sorted(row["insertion"] - row["deletion"] for row in random)
    low, high = (f"{value:.3f}".replace("-", "−") for value in (gains[0], gains[-1]))
    assert said[-2:] == [
        f"grey: mean and range of 3 random maps, the difference from {low} to {high}",
        "protocol strict",
    ]
    assert {"insertion ↑", "deletion ↓", "difference ↑"} <= set(said)


def test_a_lone_random_map_has_no_mean() -> None:
    said = texts(method_curves(*given(1, random=1), "title"))
    assert "a random map" in said
    assert said[-1] == "grey: a random map"


def test_methods_look_alike_in_both_panels_and_the_table_and_unlike_one_another() -> None:
    figure = method_curves(*given(8), "title")
    insertion, deletion = ([look(line) for line in axes.lines] for axes in figure.axes)
    table = [look(artist) for artist in figure.artists if isinstance(artist, Line2D)]
    assert insertion == deletion == [table[-1], *table[:-1]]
    assert len(set(insertion)) == 9
    assert len({dashes for _, dashes in insertion[1:5]}) == 4  # told apart without colours, too
    assert [axes.get_title() for axes in figure.axes] == ["Insertion ↑", "Deletion ↓"]


def test_small_probabilities_fill_the_panels_and_both_have_one_scale() -> None:
    methods, random = given(2)
    for row in (*methods.values(), *random):
        row["insertion_curve"] = [0.02 * value for value in row["insertion_curve"]]
        row["deletion_curve"] = [0.01 * value for value in row["deletion_curve"]]
    low, high = {axes.get_ylim() for axes in method_curves(methods, random, "title").axes}.pop()
    most = max(max(row["insertion_curve"]) for row in (*methods.values(), *random))
    assert (low, most < high < 1.2 * most) == (0, True)
    assert {axes.get_ylim() for axes in method_curves(*given(2), "title").axes} == {(0, 1)}


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_text_is_free(count: int, stacked: bool) -> None:
    title, note = "a photograph of a long name.jpg: Egyptian cat 0.70, " * 3, "protocol strict, " * 12
    figure = method_curves(*given(count), title, note, stacked=stacked)
    assert_text_is_free(figure)
    names = {name.rpartition(" #")[0] for name in text_boxes(figure)}
    assert set(NAMES[:count]) <= names  # none is shortened
    first, second = (axes.get_window_extent() for axes in figure.axes)
    assert (first.x0 == second.x0, first.y0 == second.y0) == (stacked, not stacked)
    assert figure_to_array(figure).shape[1] == (500 if stacked else TEXT_WIDTH)


@pytest.mark.parametrize(
    ("methods", "random", "words"),
    [
        ({}, make_rows(1), "methods and random must have one row or more each"),
        ({"lrp": make_rows(1)[0]}, [], "methods and random must have one row or more each"),
        ({"lrp": make_rows(1)[0]}, make_rows(1, protocol="otsuki2024"), "differ in protocol"),
        ({"lrp": make_rows(1, ("morf",))[0]}, make_rows(1, ("morf",)), "rows have curves morf; needed are insertion"),
        ({"lrp": {**make_rows(1)[0], "insertion": np.nan}}, make_rows(1), "NaN or infinite values in insertion"),
    ],
)
def test_what_does_not_fit_is_refused(methods: Any, random: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        method_curves(methods, random, "title")
