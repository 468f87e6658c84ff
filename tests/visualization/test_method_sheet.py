from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.transforms import Bbox
from torch import Tensor

from relprop.visualization import colourize, figure_to_array, method_sheet
from tests.visualization.pictures import assert_text_is_free, random_heatmaps, random_images, text_boxes

LONG = "Black footed Albatross → Laysan Albatross of the northern Pacific Ocean 0.87"


def maps_of(methods: int, images: int, side: int = 8, shift: float = 0) -> dict[str, Tensor]:
    return {f"method {i}": random_heatmaps(images, side, side).roll(i, 1) + shift for i in range(methods)}


def sheet(methods: int = 3, count: int = 2, side: int = 8, **change: Any) -> Figure:
    captions = [f"cat → dog {index / 100}" for index in range(count)]
    given = {"images": random_images(count, side, side), "heatmaps": maps_of(methods, count, side)}
    return method_sheet(**{**given, "captions": captions, "title": "title", **change})


def pictures(figure: Figure, name: str) -> list[AxesImage]:
    """From left to right."""
    return sorted((image for image in figure.axes[0].images if image.get_label() == name), key=lambda it: place(it).x0)


def place(image: AxesImage) -> Bbox:
    """In pixels from the bottom left corner."""
    left, right, bottom, top = image.get_extent()
    return Bbox(image.axes.transData.transform([(left, bottom), (right, top)]))


def drawn(image: AxesImage) -> np.ndarray:
    return np.asarray(image.get_array())


def signed_maps(methods: int) -> dict[str, Tensor]:
    maps = maps_of(methods, 2)
    maps["method 1"][1, 0, 0] = -5
    return maps


@pytest.mark.parametrize("signed", [False, True])
def test_every_method_has_its_line_of_maps_in_the_colours_of_all(signed: bool) -> None:
    maps = signed_maps(3) if signed else maps_of(3, 2)
    figure = sheet(heatmaps=maps)
    expected = {"image": random_images(2)} | {name: colourize(heatmaps, signed) for name, heatmaps in maps.items()}
    assert len(figure.axes[0].images) == 4 * 2
    for name, rgb in expected.items():
        np.testing.assert_array_equal([drawn(image) for image in pictures(figure, name)], rgb.movedim(1, -1).numpy())
    (bar,) = [axes for axes in figure.axes if axes.get_label() == "colour bar"]
    ends = [label.get_text() for label in bar.get_xticklabels()]
    assert ends == (["−100 %", "0", "+100 %"] if signed else ["0", "50 %", "100 %"])


def test_columns_are_images_and_lines_are_methods_in_their_order() -> None:
    figure = sheet()
    lines = [pictures(figure, name) for name in ("image", *maps_of(3, 2))]
    tops = [[place(image).y1 for image in line] for line in lines]
    assert all(one == other for one, other in tops) and sorted(tops, reverse=True) == tops
    lefts = [[place(image).x0 for image in line] for line in lines]
    assert all(line == lefts[0] for line in lefts)


def test_the_images_stand_above_every_block() -> None:
    figure = sheet(25, 8)
    images = pictures(figure, "image")
    assert len(images) == 16
    for index, image in enumerate(images):
        np.testing.assert_array_equal(drawn(image), random_images(8)[index % 8].movedim(0, -1).numpy())


def test_every_map_has_its_own_scale_which_the_note_says() -> None:
    heatmap = torch.arange(64.0).view(1, 8, 8) / 63
    figure = sheet(heatmaps={"a": torch.cat([heatmap, 1e-6 * heatmap]), "b": torch.cat([1000 * heatmap, 0 * heatmap])})
    one, small, large = (drawn(image) for image in [*pictures(figure, "a"), pictures(figure, "b")[0]])
    np.testing.assert_allclose(one, small, atol=0.01)
    np.testing.assert_allclose(one, large, atol=0.01)
    assert any("share of each image's own maximum (99.9" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize(
    ("methods", "images", "side", "caption"),
    [(1, 1, 28, LONG), (3, 2, 224, LONG), (3, 3, 32, "cat 0.9"), (25, 3, 32, "cat 0.9"), (25, 8, 32, LONG)],
)
def test_text_is_free(methods: int, images: int, side: int, caption: str) -> None:
    long = "of a very long name " * 5
    maps = {f"{name} {long}": heatmaps for name, heatmaps in maps_of(methods, images, side).items()}
    figure = sheet(methods, images, side, heatmaps=maps, captions=[caption] * images, title=LONG * 4)
    assert_text_is_free(figure)
    frames = [*map(place, figure.axes[0].images), figure.axes[1].get_window_extent()]
    for text, box in text_boxes(figure).items():
        assert not any(box.overlaps(frame) for frame in frames), f"{text!r} lies on a picture"


def test_names_stand_above_their_lines_and_captions_above_their_images() -> None:
    figure = sheet(25, 8, captions=[f"automobile {i}" for i in range(8)])
    boxes = {text.rsplit(" #", 1)[0]: box for text, box in text_boxes(figure).items()}
    for name in maps_of(25, 8):
        first = place(pictures(figure, name)[0])
        assert boxes[name].x0 == pytest.approx(first.x0, abs=3)
        assert first.y1 < boxes[name].y0 and boxes[name].y1 < first.y1 + 40
    for index, image in enumerate(pictures(figure, "image")[8:]):  # of the second block, whose captions are drawn last
        below, box = place(image), boxes[f"automobile {index}"]
        assert (box.x0 + box.x1) / 2 == pytest.approx((below.x0 + below.x1) / 2, abs=2) and box.y0 > below.y1


def test_small_images_are_enlarged_without_blur() -> None:
    figure = sheet(25, 8, 32)
    page = figure_to_array(figure)
    images = random_images(8, 32, 32)
    for shown_image, image in zip(pictures(figure, "image")[:8], images, strict=True):
        left, bottom, right, top = place(shown_image).extents.round().astype(int)
        shown = page[page.shape[0] - top : page.shape[0] - bottom, left:right].astype(float)
        expected = image.mul(255).round().movedim(0, -1).numpy().repeat(2, 0).repeat(2, 1)
        inner = np.s_[2:-2, 2:-2]  # within the frame
        assert shown.shape == (64, 64, 3) and np.abs(shown[inner] - expected[inner]).max() <= 1


def test_input_is_left_alone() -> None:
    images, maps = random_images(2), {"a": random_heatmaps(2).requires_grad_()}
    before = images.clone(), maps["a"].detach().clone()
    sheet(images=images, heatmaps=maps)
    assert torch.equal(images, before[0]) and torch.equal(maps["a"], before[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"heatmaps": {}}, "heatmaps is empty; at least one method's heatmaps are needed"),
        (
            {"heatmaps": {"lrp": torch.ones(2, 8, 8), "rise": torch.ones(3, 8, 8)}},
            r"rise: images must be \(N, 3, H, W\)",
        ),
        ({"heatmaps": {"lrp": torch.full((2, 8, 8), torch.nan)}}, r"lrp: heatmaps \[0, 1\] contain NaN"),
        ({"images": random_images(2) * 255}, r"method 0: images must lie in \[0, 1\]"),
        ({"captions": ["a"]}, "captions has 1 entries; it must have one for each of the 2 images"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sheet(**change)
