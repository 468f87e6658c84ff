import torch

from relprop.data.augment import random_crop, random_flip


def test_crop_shifts_each_image_alone_over_zeros():
    torch.manual_seed(0)
    images = torch.zeros(500, 3, 9, 9)
    images[:, :, 4, 4] = torch.tensor([1.0, 2.0, 3.0])
    shifted = random_crop(images, padding=2)
    assert shifted.shape == images.shape
    assert torch.equal(shifted.sum((2, 3)), images.sum((2, 3)))
    where = {(row, column) for _, row, column in torch.nonzero(shifted[:, 0]).tolist()}
    assert where == {(row, column) for row in range(2, 7) for column in range(2, 7)}


def test_crop_keeps_the_picture_together():
    torch.manual_seed(0)
    image = torch.rand(1, 3, 6, 6)
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
    windows = [padded[0, :, r : r + 6, c : c + 6] for r in range(3) for c in range(3)]
    for crop in random_crop(image.repeat(20, 1, 1, 1), padding=1):
        assert any(torch.equal(crop, window) for window in windows)


def test_flip_mirrors_about_half_of_the_images():
    torch.manual_seed(0)
    images = torch.rand(400, 3, 4, 4)
    flipped = random_flip(images)
    same = (flipped == images).flatten(1).all(1)
    assert torch.equal(flipped[~same], images[~same].flip(3))
    assert 150 < same.sum() < 250
