"""scikit-learn's 1,797 handwritten digits (Alpaydin and Kaynak 1998): real images that need no download."""

import torch
import torch.nn.functional as F
from torch import Tensor

from relprop.data.augment import random_crop
from relprop.data.base import ImageDataModule, Split
from relprop.data.images import ImageSet
from relprop.data.memory import TensorImages

_HIGHEST = 16  # the digits' values count the inked pixels of a 4×4 block, 0 to 16


class Digits(ImageDataModule):
    """Digits enlarged from 8×8 to 32×32, grey in three equal channels; 1,257 train, 180 val, 360 test."""

    name = "digits"
    class_names = tuple("0123456789")
    image_size = 32
    draws_per_image = 2
    # Of the training images; a test holds them against the data.
    mean = (0.3049, 0.3049, 0.3049)
    std = (0.3234, 0.3234, 0.3234)

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """All three splits at once, the same at each call and stratified by class."""
        # Imported here, since scikit-learn takes a second that the other data sets need not pay.
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        pixels, labels = load_digits(return_X_y=True)
        rest, test = train_test_split(range(len(labels)), test_size=0.2, stratify=labels, random_state=0)
        train, val = train_test_split(rest, test_size=1 / 8, stratify=labels[rest], random_state=0)
        images = _enlarge(torch.from_numpy(pixels), self.image_size)

        def part(positions: list[int]) -> ImageSet:
            return TensorImages(images[positions], torch.from_numpy(labels)[positions])

        return {"train": part(train), "val": part(val), "test": part(test)}

    def augment(self, images: Tensor, draws: Tensor) -> Tensor:
        """Shift each image by up to 3 pixels in each direction; no mirroring, since digits have a side."""
        return random_crop(images, draws, padding=3)


def _enlarge(pixels: Tensor, size: int) -> Tensor:
    """Values 0 to 16 (N,64) as uint8 images (N,3,size,size), 0 to 255."""
    grey = pixels.view(-1, 1, 8, 8) * (255 / _HIGHEST)
    large = F.interpolate(grey, (size, size), mode="bilinear", align_corners=False)
    return large.round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
