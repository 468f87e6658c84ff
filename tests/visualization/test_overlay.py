import pytest
import torch
from torch import Tensor

from relprop.visualization.colors import colourize
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


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_image_stays_readable_under_signed_relevance(sign: int) -> None:
    images = random_images(1, 32, 32)
    heatmaps = sign * torch.full((1, 32, 32), 0.5)
    heatmaps[0, 0] = sign  # so that most of the map is at half its colour
    shown = grey(overlay(images, heatmaps, signed=True))[0, 1:]
    assert torch.corrcoef(torch.stack([grey(images)[0, 1:].flatten(), shown.flatten()]))[0, 1] > 0.99
    assert shown.std() > 0.1 * grey(images)[0, 1:].std()


def test_full_relevance_is_drawn_in_its_colour() -> None:
    images, heatmaps = random_images(1), torch.zeros(1, 8, 8)
    heatmaps[0, 2:4, 2:4] = 1
    shown, colours = overlay(images, heatmaps), colourize(heatmaps)
    assert (shown - colours)[0, :, 2:4, 2:4].abs().max() <= 0.1
    assert (overlay(images, heatmaps) - overlay(images, 0 * heatmaps))[0, :, 5:, 5:].abs().max() == 0


def test_both_signs_are_told_apart_over_any_image() -> None:
    images, heatmaps = random_images(1), torch.zeros(1, 8, 8)
    heatmaps[0, :, :4], heatmaps[0, :, 4:] = -0.6, 1.0
    red, _, blue = overlay(images, heatmaps)[0]
    assert (blue[:, :4] > red[:, :4] + 0.1).all() and (red[:, 4:] > blue[:, 4:] + 0.1).all()


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
