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
    centre = [v2.Resize(256), v2.CenterCrop(SIDE)]
    resized = [v2.RandomResizedCrop(SIDE)] if train else centre
    cut: Cut = v2.Compose([*resized, v2.PILToTensor()])
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
