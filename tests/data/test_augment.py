"""Random changes of batches, against slow versions that change one image at a time."""

from math import log

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from relprop.data.augment import random_crop, random_flip, random_resized_crop


def draws(count: int, each: int, seed: int = 0) -> Tensor:
    return torch.rand(count, each, generator=torch.Generator().manual_seed(seed))


def images(count: int, height: int, width: int) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("padding", [1, 4])
def test_crop_is_a_window_of_the_padded_image(padding: int) -> None:
    given, numbers = images(40, 9, 7), draws(40, 2)
    for image, (down, right), crop in zip(given, numbers, random_crop(given, numbers, padding), strict=True):
        padded = torch.nn.functional.pad(image, (padding,) * 4)
        top, left = (int(number * (2 * padding + 1)) for number in (down, right))
        assert torch.equal(crop, padded[:, top : top + 9, left : left + 7])


def test_every_shift_is_as_likely_as_any_other() -> None:
    given = torch.zeros(5000, 3, 5, 5)
    given[:, :, 2, 2] = 1
    shifted = random_crop(given, draws(5000, 2), padding=2)
    counts = shifted[:, 0].sum(0)
    assert ((counts > 140) & (counts < 260)).all()  # 200 each, 4.3 standard deviations


def test_flip_mirrors_the_images_whose_number_is_below_one_half() -> None:
    given, numbers = images(50, 4, 5), draws(50, 1)[:, 0]
    for image, number, flipped in zip(given, numbers, random_flip(given, numbers), strict=True):
        assert torch.equal(flipped, image.flip(2) if number < 0.5 else image)


def resampled(image: Tensor, numbers: Tensor, size: int, scale: tuple[float, float]) -> np.ndarray:
    """The same part by Pillow, which resamples bilinearly, without averaging where the part is not enlarged less."""
    area = scale[0] + numbers[0].item() * (scale[1] - scale[0])
    ratio = np.exp(log(3 / 4) + numbers[1].item() * log((4 / 3) / (3 / 4)))
    width, height = min(np.sqrt(area * ratio), 1), min(np.sqrt(area / ratio), 1)
    left, top = (number.item() * (1 - side) for number, side in zip(numbers[2:], (width, height), strict=True))
    pixels = image.shape[-1]
    box = (left * pixels, top * pixels, (left + width) * pixels, (top + height) * pixels)
    channels = [Image.fromarray(channel.numpy(), mode="F") for channel in image]
    return np.stack(
        [
            np.asarray(c.transform((size, size), Image.Transform.EXTENT, box, Image.Resampling.BILINEAR))
            for c in channels
        ]
    )


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
def test_resized_crop_is_the_part_that_pillow_cuts_out() -> None:
    given, numbers, scale = images(20, 24, 24), draws(20, 4), (0.35, 1.0)
    cut = random_resized_crop(given, numbers, 24, scale)
    for image, each, part in zip(given, numbers, cut, strict=True):
        expected = resampled(image, each, 24, scale)
        assert np.abs(part.numpy() - expected)[:, 1:-1, 1:-1].max() < 1e-4  # Pillow leaves out what lies on the border


def test_resized_crop_of_everything_is_the_image() -> None:
    given = images(3, 16, 16)
    numbers = torch.tensor([[0.3, 0.5, 0.9, 0.1]] * 3)
    torch.testing.assert_close(random_resized_crop(given, numbers, 16, scale=(1, 1)), given)


def test_resized_crop_has_the_size_and_stays_inside() -> None:
    given = torch.ones(200, 3, 20, 20)
    cut = random_resized_crop(given, draws(200, 4), 11, scale=(0.05, 1.0))
    assert cut.shape == (200, 3, 11, 11)
    torch.testing.assert_close(cut, torch.ones_like(cut))


def test_an_image_is_changed_the_same_in_any_batch() -> None:
    given, numbers = images(6, 16, 16), draws(6, 4)
    for change in (
        lambda x, d: random_crop(x, d[:, :2], 2),
        lambda x, d: random_flip(x, d[:, 0]),
        lambda x, d: random_resized_crop(x, d, 12, (0.35, 1.0)),
    ):
        assert torch.equal(change(given, numbers)[3:4], change(given[3:4], numbers[3:4]))
