import numpy as np
import pytest
from matplotlib.lines import Line2D

from relprop.visualization.figures import TEXT_WIDTH, figure_to_array
from relprop.visualization.panels import add_legend, dress, mean_and_std, new_panels
from tests.visualization.pictures import assert_text_is_free


@pytest.mark.parametrize(
    ("count", "columns", "square"),
    [(1, 1, False), (2, 2, True), (3, 3, False), (4, 2, False), (5, 3, True)],
)
def test_panels_lie_in_rows_and_leave_room_for_titles_labels_and_legends(
    count: int, columns: int, square: bool
) -> None:
    figure, panels = new_panels("title " * 30, "note " * 9, count, 4, square)
    for number, axes in enumerate(panels):
        axes.set(xlim=(0, 1), ylim=(-50, -10))
        dress(axes, "a title that is too long for every panel " * 3, "across", "upwards")
        add_legend(axes, [Line2D([], [], label=f"line {number} {entry}") for entry in range(4)])
    assert_text_is_free(figure)
    assert [bool(axes.get_ylabel()) for axes in panels] == [number % columns == 0 for number in range(count)]
    boxes = [axes.get_window_extent() for axes in panels]
    assert len({round(box.x0) for box in boxes}) == columns
    assert len({round(box.y0) for box in boxes}) == -(-count // columns)
    assert len({(round(box.width), round(box.height)) for box in boxes}) == 1
    assert (boxes[0].width == pytest.approx(boxes[0].height)) == square


@pytest.mark.parametrize(("columns", "share"), [(1, 0.5), (2, 1), (3, 1)])
def test_the_page_is_as_wide_as_the_text_or_as_a_column_of_it(columns: int, share: float) -> None:
    figure, _ = new_panels("title", "note", columns, 2)
    assert figure_to_array(figure).shape[1] == pytest.approx(share * TEXT_WIDTH, abs=4)


def test_two_square_panels_do_not_fill_a_page() -> None:
    figure, _ = new_panels("title", "note", 2, 2, square=True)
    height, width, _ = figure_to_array(figure).shape
    assert width < 0.75 * TEXT_WIDTH and height < 0.6 * TEXT_WIDTH


def test_one_value_has_no_deviation_and_a_negative_one_a_minus_sign() -> None:
    assert mean_and_std(np.array([0.25])) == "0.250"
    assert mean_and_std(np.array([-1.0, -3.0])) == "−2.000 ± 1.414 (std)"
