from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from skimage.filters import gaussian
from torch import Tensor

from relprop.visualization.colors import colour_limit, colourize
from relprop.visualization.overlay import overlay
from tests.visualization.pictures import random_heatmaps, random_images


def grey(images: Tensor) -> Tensor:
    return (images * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)


@pytest.mark.parametrize("signed", [False, True])
def test_without_relevance_the_grey_image_shows(signed: bool) -> None:
    images = random_images(2, 16, 16)
    shown = overlay(images, torch.zeros(2, 16, 16), signed)
    assert (shown.amax(1) - shown.amin(1)).max() < 1e-6  # grey
    correlation = torch.corrcoef(torch.stack([grey(images).flatten(), shown[:, 0].flatten()]))[0, 1]
    assert correlation > 0.9999


@pytest.mark.parametrize("signed", [False, True])
def test_full_relevance_is_drawn_in_its_colour(signed: bool) -> None:
    images, heatmaps = torch.ones(1, 3, 8, 8), torch.zeros(1, 8, 8)
    heatmaps[0, 2:4, 2:4] = 1
    shown, colours = overlay(images, heatmaps, signed), colourize(heatmaps, signed)
    assert (shown - colours)[0, :, 2:4, 2:4].abs().max() <= (0.2 if signed else 0.07)
    assert (overlay(images, heatmaps) - overlay(images, 0 * heatmaps))[0, :, 5:, 5:].abs().max() == 0


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_edges_of_the_image_show_through_any_colour(signed: bool, share: float) -> None:
    images = random_images(1, 32, 32)
    heatmaps = torch.full((1, 32, 32), share)
    heatmaps[0, 0] = 1
    before, shown = grey(images)[0, 1:], grey(overlay(images, heatmaps, signed))[0, 1:]
    assert torch.corrcoef(torch.stack([before.flatten(), shown.flatten()]))[0, 1] > 0.99
    assert shown.std() > 0.15 * before.std()


@pytest.mark.parametrize("photo", [skimage.data.chelsea, skimage.data.coffee])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_photograph_stays_readable_under_a_broad_heatmap(photo: Callable[[], NDArray[np.uint8]], sign: int) -> None:
    """Its details, what is left without everything wider than some pixels, where the heatmap is strong."""
    image = torch.from_numpy(photo()[:224, 100:324].copy()).movedim(-1, 0)[None] / 255
    across = torch.arange(224.0) - 112
    heatmaps = sign * torch.exp(-(across**2 + across[:, None] ** 2) / 5000)[None]
    before, shown = (grey(pictures)[0].numpy() for pictures in (image, overlay(image, heatmaps)))
    strong = heatmaps[0].abs().numpy() > 0.3
    before, shown = ((values - gaussian(values, 4))[strong] for values in (before, shown))
    assert np.corrcoef(before, shown)[0, 1] > 0.9
    assert shown.std() > 0.25 * before.std()


def test_both_signs_are_told_apart_over_any_image() -> None:
    images, heatmaps = random_images(1), torch.zeros(1, 8, 8)
    heatmaps[0, :, :4], heatmaps[0, :, 4:] = -0.6, 1.0
    red, _, blue = overlay(images, heatmaps)[0]
    assert (blue[:, :4] > red[:, :4] + 0.1).all() and (red[:, 4:] > blue[:, 4:] + 0.1).all()


@pytest.mark.parametrize("signed", [False, True])
def test_maps_on_one_limit_are_drawn_as_strongly_as_they_are_large(signed: bool) -> None:
    images, heatmaps = random_images(1), random_heatmaps(1)
    stronger = heatmaps.clone()
    stronger[0, 0, 0] = 4  # the other pixels are the same, on a scale of their own
    limit = colour_limit(stronger)
    expected = overlay(images, stronger, signed)[..., 1:, :]
    assert torch.equal(overlay(images, heatmaps, signed, limit)[..., 1:, :], expected)
    assert not torch.equal(overlay(images, heatmaps, signed)[..., 1:, :], expected)


def test_range_shape_and_inputs() -> None:
    images, heatmaps = random_images(3, 5, 9), random_heatmaps(3, 5, 9)
    before = images.clone(), heatmaps.clone()
    for signed in (None, False, True):
        shown = overlay(images, heatmaps, signed)
        assert shown.shape == (3, 3, 5, 9) and shown.dtype == torch.float32
        assert shown.min() >= 0 and shown.max() <= 1
    assert torch.equal(images, before[0]) and torch.equal(heatmaps, before[1])


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="like the heatmaps"):
        overlay(random_images(2), random_heatmaps(3))
