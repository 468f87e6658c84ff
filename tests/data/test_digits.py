import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from relprop.data import build_datamodule


@pytest.fixture(scope="module")
def digits():
    data = build_datamodule("digits")
    data.setup()
    return data


def test_sizes_and_types(digits):
    parts = [digits.split(split) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [1257, 180, 360]
    for part in parts:
        assert part.images.shape[1:] == (3, 32, 32)
        assert (part.images.dtype, part.labels.dtype) == (torch.uint8, torch.int64)
        assert torch.equal(part.images[:, 0], part.images[:, 1])
        assert torch.equal(part.images[:, 0], part.images[:, 2])


def test_classes_are_balanced(digits):
    for split, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        counts = digits.split(split).labels.bincount(minlength=10)
        assert (counts - 179.7 * share).abs().max() < 5


def test_splits_share_no_image_and_hold_sklearns_values(digits):
    pixels, labels = load_digits(return_X_y=True)
    expected = sorted((int(label), *map(int, values)) for values, label in zip(pixels, labels, strict=True))
    found = [
        (int(label), *values)
        for split in ("train", "val", "test")
        for values, label in zip(_reduced(digits.split(split).images), digits.split(split).labels, strict=True)
    ]
    assert sorted(found) == expected


def _reduced(images):
    """Undo the bilinear enlargement: the 8×8 integers of which the 32×32 images are made."""
    at = (np.arange(32) + 0.5) / 4 - 0.5
    enlarge = np.stack([np.interp(at, range(8), unit) for unit in np.eye(8)], axis=1)
    back = np.linalg.pinv(enlarge)
    return np.rint(back @ images[:, 0].numpy() @ back.T * 16 / 255).astype(int).reshape(-1, 64).tolist()


def test_split_is_the_same_each_time(digits):
    again = build_datamodule("digits", seed=5)
    assert torch.equal(again.split("test").images, digits.split("test").images)


def test_constants_are_those_of_the_training_images(digits):
    images = digits.split("train").images.float() / 255
    assert digits.mean == pytest.approx(images.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert digits.std == pytest.approx(images.std((0, 2, 3)).tolist(), abs=1e-4)


def test_augmentation_shifts_by_up_to_three_pixels(digits):
    torch.manual_seed(0)
    image = torch.zeros(300, 3, 32, 32)
    image[:, :, 16, 16] = 1
    rows = torch.nonzero(
        digits.augment(image, torch.rand(len(image), 2, generator=torch.Generator().manual_seed(0)))[:, 0]
    )[:, 1:]
    assert (rows.min().item(), rows.max().item()) == (13, 19)
