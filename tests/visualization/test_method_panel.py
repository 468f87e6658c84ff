import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from relprop.visualization import colourize, method_panel, overlay, save_figure
from relprop.visualization.figures import TEXT_WIDTH, figure_to_array
from tests.visualization.pictures import assert_text_is_free, random_heatmaps, random_images, text_boxes

TOP = [
    ("golden retriever of the northern hemisphere, a dog", 0.8767),
    ("cat", 0.1),
    ("a", 0.02),
    ("b", 0.0),
    ("c", 0.0),
]
LONG = "chelsea.png: golden retriever 0.88, squeezenet1_0 on imagenet " * 4


def maps_of(count: int, height: int = 8, width: int = 8, shift: float = 0) -> dict[str, Tensor]:
    """By names of which every third is too long for any column."""
    ends = ("", "_method", "_method_with_a_name_that_is_too_long_for_every_column_of_a_page")
    return {f"m{i}{ends[i % 3]}": heatmap + shift for i, heatmap in enumerate(random_heatmaps(count, height, width))}


def panel(count: int = 3, height: int = 8, width: int = 8, shift: float = 0, **change: Any) -> Figure:
    image = random_images(1, height, width)[0]
    given = {"image": image, "heatmaps": maps_of(count, height, width, shift), "title": "title", "top": TOP}
    return method_panel(**{**given, **change})


def axes_of(figure: Figure) -> dict[str, Axes]:
    return {axes.get_label(): axes for axes in figure.axes}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("signed", [False, True])
def test_every_method_has_its_map_above_its_overlay_in_the_colours_of_all(signed: bool) -> None:
    image, (first, second) = random_images(1)[0], random_heatmaps(2)
    if signed:
        second[0, 0] = -5
    figure = method_panel(image, {"a": first, "b": second}, "title")
    drawn = {name: axes.images[0].get_array() for name, axes in axes_of(figure).items() if name != "colour bar"}
    expected = {"image": image}
    for name, heatmap in (("a", first), ("b", second)):
        expected[name] = colourize(heatmap[None], signed)[0]
        expected[f"{name} overlay"] = overlay(image[None], heatmap[None], signed)[0]
    assert list(drawn) == list(expected)
    for name, picture in expected.items():
        np.testing.assert_array_equal(drawn[name], picture.movedim(0, -1).numpy())
    ends = [label.get_text() for label in axes_of(figure)["colour bar"].get_xticklabels()]
    assert ends == (["−100 %", "0", "+100 %"] if signed else ["0", "50 %", "100 %"])
    places = {name: axes.get_position() for name, axes in axes_of(figure).items()}
    assert places["image"].x1 < places["a"].x0 < places["b"].x0
    assert places["image"].y0 == places["a"].y0 == places["b"].y0 > places["a overlay"].y1
    assert places["a"].x0 == places["a overlay"].x0


def test_every_method_is_divided_by_its_own_limit_which_stands_below_it() -> None:
    heatmap = torch.arange(64.0).view(8, 8)
    given = {"a": heatmap / 63, "b": heatmap * 1e-6 / 63, "c": 0 * heatmap}
    figure = method_panel(random_images(1)[0], given, "title")
    axes = axes_of(figure)
    a, b = (np.asarray(axes[name].images[0].get_array()) for name in "ab")
    np.testing.assert_allclose(a, b, atol=0.01)
    found = {text.get_text(): text for text in figure.texts}
    for name, limit in (("a", "100 % = 0.999"), ("b", "100 % = 9.99e−7"), ("c", "all values are 0")):
        place = axes[f"{name} overlay"].get_position()
        assert place.x0 < found[limit].get_position()[0] < place.x1 and found[limit].get_position()[1] < place.y0
    assert any("share of each method's own maximum (99.9" in text for text in found)


def test_the_classes_stand_below_the_image_with_their_probabilities() -> None:
    figure = panel()
    assert all(probability in texts(figure) for probability in ("0.877", "0.100", "0.020", "0.000"))
    place = axes_of(figure)["image"].get_window_extent()
    for name in ("cat", "0.100", "class"):
        (box,) = (box for text, box in text_boxes(figure).items() if text.startswith(f"{name} #"))
        assert box.y1 < place.y0 and box.x0 > place.x0 - 2 and box.x1 < place.x1 + 2
    assert any(text.startswith("golden") and text.endswith("…") for text in texts(figure))
    assert "class" not in texts(panel(top=()))


@pytest.mark.parametrize(
    ("count", "lines", "shape"),
    [(1, 1, (224, 224)), (5, 1, (32, 32)), (6, 2, (500, 40)), (8, 2, (32, 32)), (11, 3, (224, 224)), (12, 3, (28, 28))],
)
def test_methods_wrap_into_lines_on_a_page_on_which_nothing_overlaps(
    count: int, lines: int, shape: tuple[int, int]
) -> None:
    figure = panel(count, *shape, shift=-0.2, title=LONG)
    assert_text_is_free(figure)
    pictures = [axes.get_window_extent() for axes in figure.axes]
    for text, box in text_boxes(figure).items():
        assert not any(box.overlaps(picture) for picture in pictures), f"{text!r} lies on a picture"
    for index, picture in enumerate(pictures):
        assert not any(picture.overlaps(other) for other in pictures[:index])
    tops = {round(axes.get_position().y1, 4) for name, axes in axes_of(figure).items() if name in maps_of(count)}
    assert len(tops) == lines
    assert figure_to_array(figure).shape[1] <= 1.05 * TEXT_WIDTH


@pytest.mark.parametrize("shape", [(100, 500), (8, 8), (28, 28), (48, 48), (64, 64), (96, 96), (400, 30), (1, 300)])
@pytest.mark.parametrize("count", [1, 2])
def test_text_is_free_and_proportions_are_kept_for_any_shape(shape: tuple[int, int], count: int) -> None:
    figure = panel(count, *shape)
    assert_text_is_free(figure)
    box = axes_of(figure)["image"].get_window_extent()
    assert box.width <= 225 and box.height <= 301
    assert box.height / box.width == pytest.approx(shape[0] / shape[1], rel=0.05, abs=0.01)


@pytest.mark.parametrize("side", [8, 28, 32, 48, 64, 224])
def test_pixels_are_drawn_as_whole_squares(side: int) -> None:
    figure = panel(1, side, side)
    page = figure_to_array(figure)
    left, bottom, right, top = axes_of(figure)["image"].get_window_extent().extents.round().astype(int)
    drawn = page[page.shape[0] - top : page.shape[0] - bottom, left:right].astype(float)
    factor = drawn.shape[0] // side
    assert drawn.shape[:2] == (factor * side, factor * side) and drawn.shape[0] > 190
    expected = random_images(1, side, side)[0].mul(255).round().movedim(0, -1).numpy()
    expected = expected.repeat(factor, 0).repeat(factor, 1)
    inner = np.s_[2:-2, 2:-2]  # within the frame
    assert np.abs(drawn[inner] - expected[inner]).max() <= 1


def test_no_axis_has_ticks_but_the_colour_bar() -> None:
    for name, axes in axes_of(panel()).items():
        assert (len(axes.get_xticks()) == 3) == (name == "colour bar") and len(axes.get_yticks()) == 0


def test_equal_input_gives_equal_bytes_and_is_left_alone(tmp_path: Path) -> None:
    image, (heatmap,) = random_images(1)[0].requires_grad_(), random_heatmaps(1).requires_grad_()
    before = image.detach().clone(), heatmap.detach().clone()
    for name in ("a.png", "b.png"):
        save_figure(method_panel(image, {"lrp": heatmap}, "title", TOP), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert torch.equal(image, before[0]) and torch.equal(heatmap, before[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"heatmaps": {}}, "heatmaps is empty; at least one method's heatmap is needed"),
        ({"image": torch.zeros(1, 8, 8)}, "image must be (3, H, W), not (1, 8, 8)"),
        ({"image": torch.full((3, 8, 8), 2.0)}, "image must lie in [0, 1], not in [2, 2]"),
        ({"image": torch.zeros(3, 8, 8, dtype=torch.uint8)}, "image must be floats in [0, 1]"),
        ({"heatmaps": {"lrp": torch.zeros(1, 8, 8)}}, "the heatmap of lrp must be (H, W) = (8, 8) like the image"),
        ({"heatmaps": {"lrp": torch.full((8, 8), torch.nan)}}, "the heatmap of lrp contains NaN or infinite values"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        panel(**change)
