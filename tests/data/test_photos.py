"""Boxes against what the cut does to a white rectangle drawn in them, and against the rounding written out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from relprop.data.photos import BoxedPhotos, Photos, photo_cut, single_cut


def cut_rectangle(folder: Path, size: tuple[int, int], box: tuple[int, int, int, int]) -> tuple[Tensor, list[float]]:
    """Values from 0 to 1 (224, 224) of a black photograph with a white `box`, and the box in it."""
    image = Image.new("L", size)
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)  # which includes its last
    image.save(folder / "a.png")
    labels = torch.tensor([7])
    photos = BoxedPhotos(folder, ["a.png"], labels, photo_cut(train=False), torch.tensor([box], dtype=torch.float32))
    batch = photos.__getitems__([0])
    assert (batch.images.dtype, batch.boxes.dtype, batch.boxes.shape) == (torch.uint8, torch.float32, (1, 4))
    assert (type(batch.boxes), batch.labels.tolist(), batch.indices.tolist()) == (Tensor, [7], [0])
    return batch.images[0, 0] / 255, batch.boxes[0].tolist()


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((256, 256), (100, 50, 200, 120)),
        ((500, 333), (120, 40, 333, 250)),
        ((333, 500), (40, 120, 250, 333)),
        ((64, 80), (20, 10, 51, 61)),
        ((500, 333), (0, 0, 300, 200)),  # reaches out of the cut on two sides
        ((900, 300), (250, 90, 899, 300)),
        ((301, 407), (0, 0, 301, 407)),
    ],
)
def test_box_is_where_its_pixels_are(tmp_path, size, box):
    """Relevance and box meet if the white of the cut begins and ends at the box's edges, to a tenth of a pixel."""
    white, (left, top, right, bottom) = cut_rectangle(tmp_path, size, box)
    assert 0 <= left < right <= 224 and 0 <= top < bottom <= 224
    for low, high, values in ((left, right, white.amax(0)), (top, bottom, white.amax(1))):
        # What lies half inside an edge pixel is half as bright, so that the sum is the length.
        assert values.sum().item() == pytest.approx(high - low, abs=0.1)
        centre = (values * (torch.arange(224) + 0.5)).sum() / values.sum()
        assert centre.item() == pytest.approx((low + high) / 2, abs=0.1)


def test_object_outside_of_the_cut_has_an_empty_box(tmp_path):
    white, (left, top, right, bottom) = cut_rectangle(tmp_path, (900, 300), (0, 100, 200, 200))
    assert not white.any()
    assert left == right and top < bottom


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (333, 499), (256, 300), (200, 201), (1023, 600)])
def test_boxes_are_rounded_as_the_image_is(tmp_path, size):
    """The long side becomes ⌊256·long/short⌋ pixels; the cut begins at half the rest, rounded to even."""
    box = (size[0] // 3, size[1] // 3, size[0] // 2, size[1] // 2)
    _, found = cut_rectangle(tmp_path, size, box)
    resized = [int(256 * side / min(size)) for side in size]
    offset = [round((side - 224) / 2) for side in resized]
    expected = [box[i] * resized[i % 2] / size[i % 2] - offset[i % 2] for i in range(4)]
    assert found == pytest.approx(expected, abs=1e-4)


def test_training_takes_a_random_part_and_no_box(tmp_path):
    Image.linear_gradient("L").resize((300, 400)).save(tmp_path / "a.png")
    photos = Photos(tmp_path, ["a.png"], torch.tensor([0]), photo_cut(train=True))
    torch.manual_seed(0)
    first, second = (photos.__getitems__([0]) for _ in range(2))
    assert first.images.shape == second.images.shape == (1, 3, 224, 224)
    assert not torch.equal(first.images, second.images)
    assert first.boxes is None


@pytest.mark.parametrize("size", [(500, 333), (333, 500), (224, 224), (40, 900), (100, 120)])
def test_a_single_photograph_of_224_pixels_is_cut_as_the_test_images_are(tmp_path, size):
    Image.effect_mandelbrot(size, (-2, -1, 1, 1), 100).convert("RGB").save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as photo:
        cut = single_cut(224)(photo)
    expected = Photos(tmp_path, ["a.png"], torch.tensor([0]), photo_cut(train=False)).__getitems__([0]).images[0]
    assert cut.dtype == torch.uint8 and torch.equal(cut, expected)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("size", [(160, 96), (96, 160), (128, 128), (20, 12)])
def test_a_single_photograph_of_other_sizes_keeps_its_middle_square(side, size):
    """All of the shorter side, of the longer one as much in the middle: there is a white square, the rest is black."""
    photo = Image.new("RGB", size)
    left, top = (size[0] - min(size)) // 2, (size[1] - min(size)) // 2
    photo.paste((255, 255, 255), (left, top, left + min(size), top + min(size)))
    cut = single_cut(side)(photo)
    assert (cut.dtype, cut.shape) == (torch.uint8, (3, side, side))
    assert (cut[:, 3:-3, 3:-3] == 255).all()
    assert cut.float().mean() > 240


@pytest.mark.parametrize("side", [32, 64])
def test_a_single_photograph_of_other_sizes_loses_nothing_of_its_shorter_side(side):
    photo = Image.new("RGB", (240, 160), "white")
    photo.paste((0, 0, 0), (0, 0, 240, 20))  # an eighth
    cut = single_cut(side)(photo)
    assert (cut[:, : side // 8] <= 60).all() and (cut[:, side // 8 :] >= 195).all()


def test_a_single_photograph_is_averaged_not_thinned_out():
    stripes = np.zeros((320, 320, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    cut = single_cut(32)(Image.fromarray(stripes)).float()
    assert (cut - 127.5).abs().max() < 10
