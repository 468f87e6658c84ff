"""What is cut out of photographs."""

import numpy as np
import pytest
import torch
from PIL import Image

from relprop.data import build_datamodule
from relprop.data.cuts import middle_cut, photo_cut
from relprop.data.photos import Photos


def test_training_takes_a_random_part_that_depends_on_seed_epoch_and_image(tmp_path):
    Image.linear_gradient("L").resize((300, 400)).save(tmp_path / "a.png")

    def cut(seed, epoch, position):
        photos = Photos(tmp_path, ["a.png"] * 2, torch.tensor([0, 0]), photo_cut(train=True), seed)
        photos.epoch.fill_(epoch)
        return photos.__getitems__([position])

    state = torch.get_rng_state()
    cuts = {key: cut(*key).images for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))}
    assert torch.equal(torch.get_rng_state(), state)
    assert all(images.shape == (1, 3, 224, 224) for images in cuts.values())
    assert len({images.sum().item() for images in cuts.values()}) == 4
    torch.manual_seed(5)
    assert all(torch.equal(cut(*key).images, images) for key, images in cuts.items())
    assert cut(0, 0, 0).boxes is None


@pytest.mark.parametrize("size", [(500, 333), (333, 500), (224, 224), (40, 900), (100, 120)])
def test_a_single_photograph_of_224_pixels_is_cut_as_the_test_images_are(tmp_path, size):
    Image.effect_mandelbrot(size, (-2, -1, 1, 1), 100).convert("RGB").save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as photo:
        cut = build_datamodule("imagenet").cut(photo)
    expected = Photos(tmp_path, ["a.png"], torch.tensor([0]), photo_cut(train=False)).__getitems__([0]).images[0]
    assert cut.dtype == torch.uint8 and torch.equal(cut, expected)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("size", [(160, 96), (96, 160), (128, 128), (20, 12)])
def test_a_single_photograph_of_other_sizes_keeps_its_middle_square(side, size):
    """All of the shorter side, of the longer one as much in the middle: there is a white square, the rest is black."""
    photo = Image.new("RGB", size)
    left, top = (size[0] - min(size)) // 2, (size[1] - min(size)) // 2
    photo.paste((255, 255, 255), (left, top, left + min(size), top + min(size)))
    cut = middle_cut(side, side)(photo)
    assert (cut.dtype, cut.shape) == (torch.uint8, (3, side, side))
    assert (cut[:, 3:-3, 3:-3] == 255).all()
    assert cut.float().mean() > 240


@pytest.mark.parametrize("side", [32, 64])
def test_a_single_photograph_of_other_sizes_loses_nothing_of_its_shorter_side(side):
    photo = Image.new("RGB", (240, 160), "white")
    photo.paste((0, 0, 0), (0, 0, 240, 20))  # an eighth
    cut = middle_cut(side, side)(photo)
    assert (cut[:, : side // 8] <= 60).all() and (cut[:, side // 8 :] >= 195).all()


def test_a_single_photograph_is_averaged_not_thinned_out():
    stripes = np.zeros((320, 320, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    cut = build_datamodule("digits").cut(Image.fromarray(stripes)).float()
    assert (cut - 127.5).abs().max() < 10
