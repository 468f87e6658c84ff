from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from relprop.visualization import figure_to_array, score_intervals
from relprop.visualization.figures import TEXT_WIDTH
from relprop.visualization.scores import BLUE, ORANGE
from tests.visualization.pictures import assert_text_is_free, text_boxes

LABELS = ["lrp", "rise", "random"]
STRICT = [(0.5, 0.4, 0.75), None, (0.5004, 0.2, 0.9)]
OTHER = [(-0.25, None, None), (1.0, 0.9, 1.1), (0.5, 0.5, 0.5)]


def forest(columns: Any = None, labels: Any = LABELS, **change: Any) -> Figure:
    given: dict[str, Any] = {"score_name": "id", "better": "higher", "title": "title", **change}
    return score_intervals(labels, columns or {"strict": STRICT, "otsuki2024": OTHER}, **given)


def dots(axes: Axes) -> list[list[float]]:
    return [np.ravel(line.get_xydata()).tolist() for line in axes.lines if line.get_marker() == "o"]


def numbers(axes: Axes) -> dict[str, str]:
    """The texts beside the panel, and their weights."""
    return {text.get_text(): str(text.get_weight()) for text in axes.texts}


def test_dots_are_means_on_the_methods_lines() -> None:
    strict, other = forest().axes
    np.testing.assert_array_equal(dots(strict), [[0.5, 0], [np.nan, 1], [0.5004, 2]])
    np.testing.assert_array_equal(dots(other), [[-0.25, 0], [1, 1], [0.5, 2]])


def test_lines_are_the_intervals() -> None:
    unknown, *drawn = [collection.get_segments()[0] for collection in forest().axes[1].collections]
    assert not np.isfinite(unknown).any()
    np.testing.assert_array_equal(drawn, [[[0.9, 1], [1.1, 1]], [[0.5, 2], [0.5, 2]]])


def test_methods_stand_beside_their_lines_in_the_order_given() -> None:
    figure = forest()
    boxes = {text.split(" #")[0]: box for text, box in text_boxes(figure).items()}
    for line, label in enumerate(LABELS):
        y = figure.axes[0].transData.transform((0, line))[1]
        assert (boxes[label].y0 + boxes[label].y1) / 2 == pytest.approx(y, abs=6)
        assert boxes[label].x1 < figure.axes[0].get_window_extent().x0


@pytest.mark.parametrize(("better", "marked"), [("higher", [[0, 2], [1]]), ("lower", [[0, 2], [0]])])
def test_the_best_of_each_panel_is_orange_and_bold(better: str, marked: list[list[int]]) -> None:
    for axes, best in zip(forest(better=better).axes, marked, strict=True):
        colours = [ORANGE if line in best else BLUE for line in range(3)]
        assert [to_hex(line.get_color()) for line in axes.lines if line.get_marker() == "o"] == colours
        assert [to_hex(collection.get_color()[0]) for collection in axes.collections] == colours
        assert [text.get_weight() == "bold" for text in axes.texts] == [line in best for line in range(3)]


def test_numbers_and_dashes_stand_right_of_the_panel() -> None:
    figure = forest()
    assert [list(numbers(axes)) for axes in figure.axes] == [["0.500", "–"], ["−0.250", "1.000", "0.500"]]
    right = figure.axes[0].get_window_extent().x1, figure.axes[1].get_window_extent().x0
    (dash,) = (box for text, box in text_boxes(figure).items() if text.startswith("– #"))
    assert right[0] < dash.x0 < dash.x1 < right[1]


def test_panels_share_their_limits_and_hold_all_intervals() -> None:
    figure = forest()
    (limits,) = {axes.get_xlim() for axes in figure.axes}
    assert limits == pytest.approx((-0.25 - 0.04 * 1.35, 1.1 + 0.04 * 1.35))
    assert [axes.get_title() for axes in figure.axes] == ["strict", "otsuki2024"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"id ↑"}


@pytest.mark.parametrize(("count", "panels"), [(1, 1), (25, 2), (3, 6)])
def test_text_is_free_on_a_page_of_the_width_of_the_text(count: int, panels: int) -> None:
    labels = [f"a method with quite a long name, of number {i}" for i in range(count)]
    generator = np.random.default_rng(0)
    columns = {
        f"ResNet-{i} otsuki2024": [(mean, mean - 0.1, mean + 0.1) for mean in generator.random(count) - 1]
        for i in range(panels)
    }
    figure = forest(columns, labels, score_name="insertion", title="a long title of many words " * 9)
    assert_text_is_free(figure)
    assert figure_to_array(figure).shape[1] == TEXT_WIDTH


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"strict": STRICT[:2]}, "strict has 2 estimates; it must have one for each of the 3 labels"),
        ({str(i): STRICT for i in range(7)}, "columns has 7 panels; it must have from 1 to 6"),
        ({"strict": [None] * 3}, "columns has no estimate at all"),
        ({"strict": [(0.5, 0.6, 0.4)] * 3}, r"strict\[0\] must be a finite \(mean, low, high\)"),
    ],
)
def test_what_does_not_fit_is_refused(columns: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        forest(columns)


def test_no_panels_and_no_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="columns has 0 panels"):
        score_intervals(LABELS, {}, "id", "higher", "title")
    with pytest.raises(ValueError, match="columns has no estimate at all"):
        forest({"strict": []}, [])
