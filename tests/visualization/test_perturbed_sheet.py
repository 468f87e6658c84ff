import re
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from relprop.visualization.colors import colourize
from relprop.visualization.figures import TEXT_WIDTH, figure_to_array
from relprop.visualization.perturbed_sheet import perturbed_sheet
from tests.visualization.pictures import assert_text_is_free, random_heatmaps, random_images

POINT = "after 15 % of the pixels"


def sheet(count: int = 3, side: int = 8, states: tuple[str, ...] = ("insertion", "deletion"), **change: Any) -> Figure:
    images = random_images(count, side, side)
    perturbed = {name: images * number / 4 for number, name in enumerate(states)}
    given = {"images": images, "perturbed": perturbed, "heatmaps": random_heatmaps(count, side, side), "title": "LRP"}
    return perturbed_sheet(**{**given, "captions": [f"cat {i}" for i in range(count)], "point": POINT, **change})


def panels(figure: Figure, name: str) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() == name]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_every_image_has_its_states_and_its_heatmap_beside_it() -> None:
    images, heatmaps = random_images(3), random_heatmaps(3)
    perturbed = {"insertion": images * 0.5, "deletion": images**2}
    figure = perturbed_sheet(images, perturbed, heatmaps, ["a", "b", "c"], "title", POINT)
    expected = {"image": images, **perturbed, "heatmap": colourize(heatmaps)}
    assert [axes.get_label() for axes in figure.axes if axes.get_label() != "colour bar"] == [
        name for name in expected for _ in range(3)
    ]
    for name, pictures in expected.items():
        drawn = [axes.images[0].get_array() for axes in panels(figure, name)]
        np.testing.assert_array_equal(np.stack(drawn), pictures.movedim(1, -1).numpy())
    lefts = [panels(figure, name)[0].get_position().x0 for name in expected]
    assert lefts == sorted(set(lefts)) and len({panels(figure, n)[0].get_position().y0 for n in expected}) == 1


def test_the_point_the_scale_and_the_captions_are_named() -> None:
    figure = sheet(3, max_images=2)
    assert "insertion, deletion: after 15 % of the pixels" in texts(figure)
    assert any("share of each image's own maximum (99.9\N{NO-BREAK SPACE}% quantile" in text for text in texts(figure))
    assert "first 2 of 3 images" in texts(figure) and "cat 1" in texts(figure) and "cat 2" not in texts(figure)
    assert len(panels(figure, "deletion")) == 2
    assert not any("first" in text for text in texts(sheet(2)))


@pytest.mark.parametrize(("shift", "ends"), [(0, ["0", "50 %", "100 %"]), (-0.5, ["−100 %", "0", "+100 %"])])
def test_the_colour_bar_says_what_the_colours_mean(shift: float, ends: list[str]) -> None:
    (bar,) = panels(sheet(2, heatmaps=random_heatmaps(2) + shift), "colour bar")
    assert [label.get_text() for label in bar.get_xticklabels()] == ends


@pytest.mark.parametrize(
    ("count", "side", "states"),
    [(1, 8, ("last",)), (3, 64, ("insertion", "deletion")), (2, 96, ("morf", "lerf", "a name that is too long"))],
)
def test_text_is_free_and_the_page_is_no_wider_than_text(count: int, side: int, states: tuple[str, ...]) -> None:
    figure = sheet(count, side, states, captions=["Black footed Albatross of the northern Pacific 0.87"] * count)
    assert_text_is_free(figure)
    assert figure_to_array(figure).shape[1] <= 1.15 * TEXT_WIDTH


def test_input_is_left_alone() -> None:
    images, heatmaps = random_images(2).requires_grad_(), random_heatmaps(2).requires_grad_()
    before = images.detach().clone(), heatmaps.detach().clone()
    sheet(2, images=images, perturbed={"last": images}, heatmaps=heatmaps)
    assert torch.equal(images, before[0]) and torch.equal(heatmaps, before[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"perturbed": {}}, "perturbed has 0 states; it must have from 1 to 3"),
        ({"perturbed": {"heatmap": random_images(3)}}, "perturbed has a state named 'heatmap', as another panel is"),
        ({"perturbed": {"last": random_images(2)}}, "last must be (N, 3, H, W) = (3, 3, 8, 8) like the heatmaps"),
        ({"perturbed": {"last": random_images(3) - 1}}, "last must lie in [0, 1], not in [-"),
        ({"images": 255 * random_images(3)}, "images must lie in [0, 1]"),
        ({"captions": ["a"]}, "captions has 1 entries; it must have one for each of the 3 images"),
        ({"max_images": 0}, "max_images=0 must be at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        sheet(**change)
