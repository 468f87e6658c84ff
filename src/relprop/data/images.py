"""Images in batches, and splits that give them."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset


class Batch(NamedTuple):
    """Images (N,3,H,W), uint8 from a loader, float32 normalised on the device; labels and indices int64 (N,).

    An index is the image's position in its split: the same whatever the order and whatever part is used. Boxes of the
    objects, where the data set has them, are float32 (N,4): left, top, right, bottom in pixels of these images. Parts
    of the objects are float32 (N,P,3): x, y in pixels of these images, and 1 where the part is visible, else 0.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    boxes: Tensor | None = None
    parts: Tensor | None = None


class ImageSet(Dataset[Batch], ABC):
    """One split, with `labels` int64 (N,); a list of positions gives a whole batch, nothing to collate.

    `epoch` is a number in memory that the processes share which read images: it tells them the epoch of the training.
    """

    labels: Tensor

    def __init__(self) -> None:
        self.epoch = torch.zeros((), dtype=torch.int64)
        self.epoch.untyped_storage().share_memory_()

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def __getitems__(self, positions: list[int]) -> Batch:
        """The images at these positions, uint8, in this order."""

    @abstractmethod
    def content(self, position: int) -> tuple[bytes, ...]:
        """All that the image at this position is made of, and what is marked in it; nothing is decoded."""

    def fingerprint(self, positions: Sequence[int]) -> str:
        """sha256 of the images at these positions, in this order: of what each is made of, and of its label.

        Wherever they are stored, and however they are put into batches. Raises `UserError` for a file that cannot be
        read.
        """
        digest = sha256()
        for position in positions:
            for part in (str(int(self.labels[position])).encode(), *self.content(position)):
                digest.update(len(part).to_bytes(8))  # so that no part can be taken for the end of another
                digest.update(part)
        return digest.hexdigest()
