"""Images held in memory."""

from typing import Literal

import torch
from torch import Tensor

from relprop.data.images import Batch, ImageSet
from relprop.data.subset import last_tenth


class TensorImages(ImageSet):
    """Images uint8 (N,3,H,W), or grey ones (N,1,H,W) kept once for three channels; a batch is one indexing."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.images, self.labels = images, labels

    def __getitems__(self, positions: list[int]) -> Batch:
        indices = torch.tensor(positions)
        return Batch(self.images[indices].expand(-1, 3, -1, -1), self.labels[indices], indices)

    def content(self, position: int) -> tuple[bytes, ...]:
        """Shape and values."""
        image = self.images[position]
        return str(tuple(image.shape)).encode(), image.numpy().tobytes()


def train_and_val(images: Tensor, labels: Tensor) -> dict[Literal["train", "val", "test"], ImageSet]:
    """Training images, and the last tenth of each class of them for validation."""
    held_out = last_tenth(labels)
    return {
        "train": TensorImages(images[~held_out], labels[~held_out]),
        "val": TensorImages(images[held_out], labels[held_out]),
    }
