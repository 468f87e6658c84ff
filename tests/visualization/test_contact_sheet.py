import re
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from relprop.visualization.colors import colourize
from relprop.visualization.contact_sheet import contact_sheet
from relprop.visualization.figures import figure_to_array, save_figure
from relprop.visualization.overlay import overlay
from tests.visualization.pictures import assert_text_is_free, random_heatmaps, random_images, text_boxes

LONG = "Black footed Albatross → Laysan Albatross of the northern Pacific Ocean 0.87"


def sheet(count: int = 3, side: int = 8, **options) -> Figure:
    captions = options.pop("captions", [f"cat → dog {index / 100}" for index in range(count)])
    heatmaps = random_heatmaps(count, side, side)
    return contact_sheet(random_images(count, side, side), heatmaps, captions, "LRP · VGG · digits", **options)


def panels(figure: Figure, name: str) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() == name]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_every_image_has_three_panels_that_show_what_was_given() -> None:
    images, heatmaps = random_images(3), random_heatmaps(3)
    figure = contact_sheet(images, heatmaps, ["caption"] * 3, "title")
    expected = {"image": images, "heatmap": colourize(heatmaps), "overlay": overlay(images, heatmaps)}
    assert len(figure.axes) == 3 * 3 + 1
    for name, pictures in expected.items():
        drawn = [axes.images[0].get_array() for axes in panels(figure, name)]
        np.testing.assert_array_equal(np.stack(drawn), pictures.movedim(1, -1).numpy())


@pytest.mark.parametrize(("side", "count"), [(8, 4), (32, 1), (28, 2)])
def test_small_images_are_enlarged_sharply(side: int, count: int) -> None:
    figure = sheet(count, side)
    page = figure_to_array(figure)
    for axes, image in zip(panels(figure, "image"), random_images(count, side, side), strict=True):
        left, bottom, right, top = axes.get_window_extent().extents.round().astype(int)
        drawn = page[page.shape[0] - top : page.shape[0] - bottom, left:right]
        factor = drawn.shape[0] // side
        expected = image.mul(255).round().movedim(0, -1).numpy().repeat(factor, 0).repeat(factor, 1)
        inner = np.s_[2:-2, 2:-2]  # within the frame
        assert np.abs(drawn[inner].astype(float) - expected[inner]).max() <= 1


def test_large_images_are_averaged_not_thinned_out() -> None:
    stripes = torch.zeros(3, 3, 224, 224)
    stripes[..., ::2] = 1
    figure = contact_sheet(stripes, torch.ones(3, 224, 224), ["x"] * 3, "title")
    left, bottom, right, top = panels(figure, "image")[0].get_window_extent().extents.round().astype(int)
    page = figure_to_array(figure)
    drawn = page[page.shape[0] - top : page.shape[0] - bottom, left:right][5:-5, 5:-5]
    assert drawn.mean() == pytest.approx(127.5, abs=3)
    assert drawn.min() > 30 and drawn.max() < 225


@pytest.mark.parametrize(("count", "caption"), [(1, "cat → dog 0.87"), (2, LONG), (5, LONG)])
def test_text_is_free(count: int, caption: str) -> None:
    options = {"captions": [caption] * count, "correct": [i % 2 == 0 for i in range(count)]}
    figure = sheet(count, **options)
    assert_text_is_free(figure)
    frames = [axes.get_window_extent() for axes in figure.axes[: 3 * count]]
    for text, box in text_boxes(figure).items():
        assert not any(box.overlaps(frame) for frame in frames), f"{text!r} lies on a picture"


def test_text_is_free_with_large_images_signed_maps_and_a_long_title() -> None:
    images, heatmaps = random_images(4, 80, 120), random_heatmaps(4, 80, 120) - 0.5
    for options in ({"max_images": 3}, {"max_images": 1}, {"max_images": 3, "columns": 1}):
        assert_text_is_free(contact_sheet(images, heatmaps, [LONG] * 4, LONG * 5, [False] * 4, **options))


def test_wrong_predictions_are_marked_and_only_those() -> None:
    figure = sheet(3, correct=[True, False, True])
    captions = {text.get_text(): to_rgb(text.get_color()) for text in figure.texts if "cat" in text.get_text()}
    assert list(captions) == ["cat → dog 0.0", "✗ cat → dog 0.01", "cat → dog 0.02"]
    red, green, blue = captions["✗ cat → dog 0.01"]
    assert red > 2 * max(green, blue)
    assert captions["cat → dog 0.0"] == captions["cat → dog 0.02"] == to_rgb("#222222")
    assert "✗ wrong prediction" in texts(figure)


def test_nothing_is_marked_where_all_are_right_or_nothing_is_known() -> None:
    for correct in (None, [True] * 3):
        assert not any("✗" in text for text in texts(sheet(3, correct=correct)))


def test_images_left_out_are_named() -> None:
    figure = sheet(18)
    assert len(panels(figure, "image")) == 16
    assert "first 16 of 18 images" in texts(figure)
    assert not any("first" in text for text in texts(sheet(2)))


@pytest.mark.parametrize(("shift", "ends"), [(0, ["0", "50 %", "100 %"]), (-0.5, ["−100 %", "0", "+100 %"])])
def test_the_colour_bar_says_what_the_colours_mean(shift: float, ends: list[str]) -> None:
    figure = contact_sheet(random_images(2), random_heatmaps(2) + shift, ["a", "b"], "title")
    (bar,) = panels(figure, "colour bar")
    assert [label.get_text() for label in bar.get_xticklabels()] == ends
    assert any("share of each image's own maximum (99.9\N{NO-BREAK SPACE}% quantile" in text for text in texts(figure))


def test_a_single_image_has_its_limit_in_the_heatmaps_own_unit() -> None:
    heatmaps = torch.zeros(1, 8, 8)
    heatmaps[0, 2] = 0.01234
    assert "100 % = 0.0123" in texts(contact_sheet(random_images(1), heatmaps, ["a"], "title"))
    assert not any("100 % =" in text for text in texts(sheet(2)))


def test_the_bar_has_the_colours_of_the_maps() -> None:
    figure = sheet(1)
    page = figure_to_array(figure).astype(float)
    left, bottom, right, top = panels(figure, "colour bar")[0].get_window_extent().extents
    row = page[page.shape[0] - round((bottom + top) / 2), round(left) : round(right)]
    ramp = colourize(torch.linspace(0, 1, len(row)).view(1, 1, -1), signed=False)[0, :, 0].T.mul(255).numpy()
    assert np.abs(row - ramp)[2:-2].max() < 12


def test_equal_input_gives_equal_bytes_and_is_left_alone(tmp_path: Path) -> None:
    images, heatmaps = random_images(1), random_heatmaps(1).requires_grad_()
    before = images.clone(), heatmaps.detach().clone()
    for name in ("a.png", "b.png"):
        save_figure(contact_sheet(images, heatmaps, ["x"], "title"), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert torch.equal(images, before[0]) and torch.equal(heatmaps, before[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"captions": ["a", "b"]}, "captions has 2 entries; it must have one for each of the 3 images"),
        ({"correct": [True]}, "correct has 1 entries; it must have one for each of the 3 images"),
        ({"max_images": 0}, "max_images=0 must be at least 1"),
        ({"columns": 0}, "columns=0 must be from 1 to 4, or None"),
        ({"columns": 5}, "columns=5 must be from 1 to 4, or None"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(words)}$"):
        sheet(3, **options)


def test_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"heatmaps must be \(N, H, W\), at least one"):
        sheet(0)
