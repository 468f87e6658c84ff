"""Boxes and parts against what the cut does to the white drawn in them, and against the rounding written out."""

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from relprop.data.annotated import AnnotatedPhotos
from relprop.data.cuts import photo_cut


def cut_rectangle(folder: Path, size: tuple[int, int], box: tuple[int, int, int, int]) -> tuple[Tensor, list[float]]:
    """Values from 0 to 1 (224, 224) of a black photograph with a white `box`, and the box in it."""
    image = Image.new("L", size)
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)  # which includes its last
    image.save(folder / "a.png")
    labels = torch.tensor([7])
    photos = AnnotatedPhotos(
        folder, ["a.png"], labels, photo_cut(train=False), torch.tensor([box], dtype=torch.float32)
    )
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


def parts_of(size: tuple[int, int], parts: list[tuple[float, float, int]], folder: Path) -> Tensor:
    """The cut's parts (P,3) of a photograph of this size with `parts`."""
    Image.new("L", size).save(folder / "a.png")
    box, cut = torch.tensor([[0.0, 0, 1, 1]]), photo_cut(train=False)
    photos = AnnotatedPhotos(folder, ["a.png"], torch.tensor([7]), cut, box, torch.tensor([parts]).float())
    batch = photos.__getitems__([0])
    assert (batch.parts.dtype, type(batch.parts)) == (torch.float32, Tensor)
    return batch.parts[0]


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (333, 499), (256, 300), (200, 201), (64, 80)])
def test_parts_are_where_their_pixels_are(tmp_path, size):
    """Each is the middle of a white dot, a fifteenth of the shorter side wide, in a photograph of its own."""
    radius, middle, reach = 8 * min(size) // 30, [4 * side for side in size], 8 * 0.35 * min(size)
    for towards in [(-1, -1), (-0.3, 0.7), (0, 0), (1, 0.5)]:
        x, y = (round(m + t * reach) for m, t in zip(middle, towards, strict=True))
        image = Image.new("L", (size[0] * 8, size[1] * 8))  # finer, that its middle is where it should be
        edges = (x - radius, y - radius, x + radius - 1, y + radius - 1)  # of which the last are inside
        ImageDraw.Draw(image).ellipse(edges, fill=255)
        image.resize(size, Image.Resampling.BOX).save(tmp_path / "a.png")
        parts = torch.tensor([[[x / 8, y / 8, 1]]])
        box, cut = torch.tensor([[0.0, 0, 1, 1]]), photo_cut(train=False)
        batch = AnnotatedPhotos(tmp_path, ["a.png"], torch.tensor([7]), cut, box, parts).__getitems__([0])
        white = batch.images[0, 0].float()
        pixels = torch.arange(224) + 0.5
        found = torch.stack([(white.sum(0) * pixels).sum(), (white.sum(1) * pixels).sum()]) / white.sum()
        torch.testing.assert_close(batch.parts[0, 0, :2], found, rtol=0, atol=0.1)
        assert batch.parts[0, 0, 2] == 1


@pytest.mark.parametrize("size", [(500, 375), (375, 500), (333, 499), (1023, 600), (300, 900)])
def test_parts_are_rounded_as_the_image_is_and_leave_with_it(tmp_path, size):
    """The long side becomes ⌊256·long/short⌋ pixels; the cut begins at half the rest, rounded to even."""
    parts = [(size[0] * i / 20, size[1] * ((7 * i) % 20) / 20, int(i % 5 > 0)) for i in range(21)]
    resized = [int(256 * side / min(size)) for side in size]
    expected = []
    for x, y, visible in parts:
        x, y = (
            value * new / old - round((new - 224) / 2) for value, new, old in zip((x, y), resized, size, strict=True)
        )
        expected.append([x, y, 1] if visible and 0 <= x < 224 and 0 <= y < 224 else [0, 0, 0])
    seen = sum(visible for *_, visible in expected)
    assert 0 < seen < sum(visible for *_, visible in parts)
    torch.testing.assert_close(parts_of(size, parts, tmp_path), torch.tensor(expected).float(), rtol=0, atol=1e-4)


def test_edge_of_the_cut(tmp_path):
    parts = [(16, 16, 1), (15.99, 100, 1), (239.99, 239.99, 1), (240, 100, 1), (100, 240, 1), (100, 15.99, 1)]
    assert parts_of((256, 256), parts, tmp_path)[:, 2].tolist() == [1, 0, 1, 0, 0, 0]


def test_each_photograph_keeps_its_own_parts(tmp_path):
    for name, size in (("a.png", (256, 256)), ("b.png", (512, 512))):
        Image.new("L", size).save(tmp_path / name)
    parts = torch.tensor([[[116.0, 66, 1]], [[232.0, 132, 1]]])
    boxes = torch.tensor([[16.0, 16, 26, 36], [32, 32, 52, 72]])
    photos = AnnotatedPhotos(tmp_path, ["a.png", "b.png"], torch.tensor([7, 8]), photo_cut(train=False), boxes, parts)
    for order in ([0, 1], [1, 0, 1]):
        batch = photos.__getitems__(order)
        assert batch.labels.tolist() == [7 + i for i in order]
        assert batch.parts.tolist() == [[[100, 50, 1]]] * len(order)
        assert batch.boxes.tolist() == [[0, 0, 10, 20]] * len(order)
