from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relprop.visualization.figures import (
    add_axes,
    add_text,
    figure_to_array,
    line_height,
    new_figure,
    save_figure,
    text_width,
    wrap,
)
from tests.visualization.pictures import text_boxes


@pytest.mark.parametrize("size", [(57, 113), (1400, 201), (205, 29)])  # 57 / 200 · 200 < 57
def test_a_figure_has_exactly_the_pixels_asked_for(size: tuple[int, int]) -> None:
    pixels = figure_to_array(new_figure(*size))
    assert pixels.shape == (size[1], size[0], 3) and pixels.dtype == np.uint8
    assert (pixels == 255).all()


def test_axes_lie_where_asked_for() -> None:
    figure = new_figure(115, 58)
    axes = add_axes(figure, 10, 20, 32, 16)
    axes.set_axis_off()
    axes.imshow(np.zeros((4, 8, 3)), aspect="auto", interpolation="nearest")
    dark = (figure_to_array(figure) == 0).all(2)
    expected = np.zeros_like(dark)
    expected[20:36, 10:42] = True
    np.testing.assert_array_equal(dark, expected)


def test_saved_and_given_pixels_are_the_same(tmp_path: Path) -> None:
    figure = new_figure(200, 60)
    add_text(figure, 10, 10, ["one", "two"], 7, "#aa0000")
    path = tmp_path / "new" / "folder" / "figure.png"
    save_figure(figure, path)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), figure_to_array(figure))
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert not {"Software", "Creation Time"} & set(image.info)


def test_only_png_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"figure.pdf' must end in .png"):
        save_figure(new_figure(10, 10), tmp_path / "figure.pdf")
    assert not list(tmp_path.iterdir())


def test_lines_of_text_lie_below_one_another_from_the_top() -> None:
    figure = new_figure(400, 200)
    add_text(figure, 20, 30, ["Äg $x$", "Äg"], 8, "black")
    first, second = text_boxes(figure).values()
    assert 200 - first.y1 >= 30 and first.x0 == pytest.approx(20, abs=2)
    assert first.y0 > second.y1 and 200 - second.y0 <= 30 + 2 * line_height(8)


def test_measured_width_is_the_drawn_one() -> None:
    figure = new_figure(800, 100)
    add_text(figure, 0, 0, ["cat → dog $0.87"], 7, "black")
    (box,) = text_boxes(figure).values()
    assert text_width("cat → dog $0.87", 7) == pytest.approx(box.width, abs=2)


@pytest.mark.parametrize("width", [60, 120, 300])
def test_wrapped_lines_keep_the_width_and_the_number(width: int) -> None:
    text = "Black footed Albatross → Laysan Albatross 0.87"
    for most in (1, 2, 9):
        lines = wrap(text, width, 7, most)
        assert 1 <= len(lines) <= most
        assert all(text_width(line, 7) <= width for line in lines)


def test_wrapping_loses_no_word_unless_it_says_so() -> None:
    text = "golden retriever → Labrador retriever 0.87"
    assert " ".join(wrap(text, 200, 7, 5)) == text
    assert wrap(text, 200, 7, 1)[0].endswith("…")
    assert wrap("Donaudampfschifffahrt", 80, 7, 2)[0].endswith("…")
    assert wrap("", 80, 7, 2) == []


def test_a_no_break_space_keeps_its_words_together() -> None:
    words = ["quantile", "99.9\N{NO-BREAK SPACE}% of all"]
    assert wrap(" ".join(words), text_width("quantile 99.9", 7) + 1, 7, 3) == words
