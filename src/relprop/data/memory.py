"""Images held in memory."""

import torch
from torch import Tensor

from relprop.data.images import Batch, ImageSet


class TensorImages(ImageSet):
    """Images uint8 (N,3,H,W), or grey ones (N,1,H,W) kept once for three channels; a batch is one indexing."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.images, self.labels = images, labels

    def __getitems__(self, positions: list[int]) -> Batch:
        indices = torch.tensor(positions)
        return Batch(self.images[indices].expand(-1, 3, -1, -1), self.labels[indices], indices)
