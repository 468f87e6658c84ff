from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from relprop.visualization import figure_to_array, score_grid
from relprop.visualization.figures import TEXT_WIDTH
from tests.visualization.pictures import assert_text_is_free, text_boxes

VALUES = np.array([[0.5, 0.25, 0.125], [np.nan, -0.75, 0.5]])


def grid(values: np.ndarray = VALUES, **change: Any) -> Figure:
    given: dict[str, Any] = {"row_values": [0, 0.25], "column_values": [1e-6, 0.5, "max"], "row_name": "γ"}
    given |= {"column_name": "ε", "score_name": "AUC", "better": "higher", "title": "title"}
    return score_grid(values, **{**given, **change})


def cells(figure: Figure) -> Axes:
    return figure.axes[0]


def frames(figure: Figure) -> list[tuple[float, float]]:
    """Column and row of the framed cells."""
    boxes = [patch for patch in cells(figure).patches if isinstance(patch, Rectangle)]
    return [(box.get_x() + 0.5, box.get_y() + 0.5) for box in boxes]


def note(figure: Figure) -> str:
    """The heading behind the title."""
    lines = [text.get_text() for text in figure.texts]
    return " ".join(lines[lines.index("title") + 1 :]).replace("\N{NO-BREAK SPACE}", " ")


def test_every_number_stands_in_its_cell() -> None:
    texts = {text.get_position(): text.get_text() for text in cells(grid()).texts}
    assert texts == {
        **{(0, 0): "0.500", (1, 0): "0.250", (2, 0): "0.125"},
        **{(0, 1): "–", (1, 1): "−0.750", (2, 1): "0.500"},
    }


def test_the_axes_name_the_parameters_and_their_values() -> None:
    axes = cells(grid())
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1e−06", "0.5", "max"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "0.25"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("ε", "γ")


@pytest.mark.parametrize(
    ("better", "places", "words"),
    [
        ("higher", [(0, 0), (2, 1)], "best: γ = 0, ε = 1e−06; γ = 0.25, ε = max (0.500)"),
        ("lower", [(1, 1)], "best: γ = 0.25, ε = 0.5 (−0.750)"),
    ],
)
def test_the_best_cells_are_framed_bold_and_named(better: str, places: list[tuple[int, int]], words: str) -> None:
    figure = grid(better=better)
    assert frames(figure) == places
    assert [text.get_position() for text in cells(figure).texts if text.get_weight() == "bold"] == places
    assert note(figure) == f"{better} is better, and brighter; {words}"


def test_of_many_best_cells_three_are_named() -> None:
    figure = grid(np.full((2, 3), 0.5))
    assert len(frames(figure)) == 6
    assert note(figure).endswith("γ = 0, ε = max and 3 more (0.500)")


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_pixels_have_the_colours_of_the_bar_and_the_best_is_brightest(better: str) -> None:
    figure = grid(better=better)
    page = figure_to_array(figure).astype(float)
    box = cells(figure).get_window_extent()
    size = box.width / 3, box.height / 2

    def colour(row: int, column: int) -> np.ndarray:
        x, y = box.x0 + (column + 0.15) * size[0], page.shape[0] - box.y1 + (row + 0.15) * size[1]
        return page[round(y), round(x)]

    shares = (VALUES + 0.75) / 1.25  # of the range from the lowest to the highest
    for (row, column), share in np.ndenumerate(shares):
        place = share if better == "higher" else 1 - share
        expected = (255, 255, 255) if np.isnan(share) else 255 * np.array(matplotlib.colormaps["viridis"](place)[:3])
        np.testing.assert_allclose(colour(row, column), expected, atol=3)
    best = (0, 0) if better == "higher" else (1, 1)
    others = [place for place in np.ndindex(VALUES.shape) if abs(VALUES[place] - VALUES[best]) > 0.1]
    assert all(colour(*best).sum() > colour(*place).sum() for place in others)


def test_text_can_be_read_on_its_cell() -> None:
    figure = grid()
    colours = {text.get_text(): text.get_color() for text in cells(figure).texts}
    assert colours["−0.750"] == "white" and colours["0.500"] == colours["–"] == "#222222"


def test_the_bar_spans_the_values_and_names_the_score() -> None:
    (bar,) = [axes for axes in grid().axes if axes.get_label() == "colour bar"]
    assert bar.get_xlim() == (-0.75, 0.5) and bar.get_xlabel() == "AUC ↑"


@pytest.mark.parametrize(
    ("values", "change", "place"),
    [
        (VALUES[:1], {"row_values": [""], "row_name": ""}, "ε = 1e−06 (0.500)"),
        (VALUES[:, 1:2], {"column_values": [""], "column_name": ""}, "γ = 0 (0.250)"),
    ],
)
def test_one_row_or_column_is_a_grid_over_one_parameter(values: np.ndarray, change: dict[str, Any], place: str) -> None:
    figure = grid(values, **change)
    assert note(figure) == f"higher is better, and brighter; best: {place}"
    assert "" in (cells(figure).get_xlabel(), cells(figure).get_ylabel())
    assert_text_is_free(figure)


def test_a_lone_value_is_not_the_best() -> None:
    figure = grid(np.array([[0.5]]), row_values=[1], column_values=[2])
    assert not frames(figure) and note(figure) == "higher is better, and brighter"


@pytest.mark.parametrize("shape", [(1, 1), (1, 12), (25, 2), (6, 26)])
def test_text_is_free_and_the_page_is_no_wider_than_the_text(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).random(shape) - 1
    rows, columns = ([round(0.123456 * i, 5) for i in range(count)] for count in shape)
    figure = grid(values, row_values=rows, column_values=columns, title="a long title of many words " * 9)
    assert_text_is_free(figure)
    assert figure_to_array(figure).shape[1] <= TEXT_WIDTH
    room = cells(figure).get_window_extent().width / shape[1]
    inside = [box for text, box in text_boxes(figure).items() if text.startswith("−0.")][: values.size]
    assert all(box.width < room for box in inside)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (VALUES.T, r"values must be \(R, C\) = \(2, 3\) like row_values and column_values, one at least, not \(3, 2\)"),
        (np.full((2, 3), np.nan), "values must have a number, and none that is infinite"),
        (np.full((2, 3), np.inf), "values must have a number, and none that is infinite"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        grid(values)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="one at least"):
        grid(np.empty((0, 3)), row_values=[])
