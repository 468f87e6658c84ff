"""Photographs of any size from image files, cut to 224×224, and the boxes of their objects with them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes

from relprop.data.base import Batch, ImageSet
from relprop.data.files import read_rgb

SIDE = 224
Cut = Callable[..., Any]  # a photograph of any size to uint8 (3,224,224); with its boxes, to both


def photo_cut(train: bool) -> Cut:
    """A random part for training; else the middle, as torchvision's weights were scored."""
    if not train:
        return _middle(256, SIDE)
    cut: Cut = v2.Compose([v2.RandomResizedCrop(SIDE), v2.PILToTensor()])
    return cut


def single_cut(image_size: int) -> Cut:
    """What a network for images of `image_size` pixels sees of a photograph: uint8 (3, image_size, image_size).

    For 224 it is the cut of the test images; for other sizes, whose data sets have no photographs to cut, the middle
    square, averaged over the pixels that become one.
    """
    return photo_cut(train=False) if image_size == SIDE else _middle(image_size, image_size)


def _middle(resized: int, side: int) -> Cut:
    """The shorter side becomes `resized` pixels, of which the middle `side` stay."""
    cut: Cut = v2.Compose([v2.Resize(resized), v2.CenterCrop(side), v2.PILToTensor()])
    return cut


class Photos(ImageSet):
    """Image files below a folder, decoded when asked for and made equal in size by `cut`."""

    def __init__(self, folder: Path, names: Sequence[str], labels: Tensor, cut: Cut) -> None:
        self.folder, self.labels, self.cut = folder, labels, cut
        # One array: of a million strings each worker process would make a copy by counting references.
        self.names = np.array(names)

    def __getitems__(self, positions: list[int]) -> Batch:
        images = torch.stack([self.cut(read_rgb(self.folder / self.names[i])) for i in positions])
        indices = torch.tensor(positions)
        return Batch(images, self.labels[indices], indices)


class BoxedPhotos(Photos):
    """Photographs with a box each, (N,4) left, top, right, bottom in pixels of the file.

    A batch's boxes are in pixels of its images: resized, shifted and clipped with them. The box of an object that the
    cut has left out is empty.
    """

    def __init__(self, folder: Path, names: Sequence[str], labels: Tensor, cut: Cut, boxes: Tensor) -> None:
        super().__init__(folder, names, labels, cut)
        self.boxes = boxes

    def __getitems__(self, positions: list[int]) -> Batch:
        images, boxes = zip(*(self._cut_with_box(i) for i in positions), strict=True)
        indices = torch.tensor(positions)
        return Batch(torch.stack(images), self.labels[indices], indices, torch.cat(boxes))

    def _cut_with_box(self, position: int) -> tuple[Tensor, Tensor]:
        photo = read_rgb(self.folder / self.names[position])
        box = BoundingBoxes(self.boxes[position : position + 1], format="XYXY", canvas_size=(photo.height, photo.width))
        image, cut_box = self.cut(photo, box)
        return image, cut_box
