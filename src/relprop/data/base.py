"""What all data sets share: batches, loaders, normalisation on the device, a fixed choice of test images."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from relprop.data.subset import balanced_positions
from relprop.errors import UserError

Split = Literal["train", "val", "test"]
_SPLITS_OF_STAGE: Mapping[str | None, tuple[Split, ...]] = {
    "fit": ("train", "val"),
    "validate": ("val",),
    "test": ("test",),
    "predict": ("test",),
    None: ("train", "val", "test"),
}
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Batch(NamedTuple):
    """Images (N,3,H,W), uint8 from a loader, float32 normalised on the device; labels and indices int64 (N,).

    An index is the image's position in its split: the same whatever the order and whatever part is used. Boxes of the
    objects, where the data set has them, are float32 (N,4): left, top, right, bottom in pixels of these images.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    boxes: Tensor | None = None


class ImageSet(Dataset[Batch], ABC):
    """One split, with `labels` int64 (N,); a list of positions gives a whole batch, nothing to collate."""

    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def __getitems__(self, positions: list[int]) -> Batch:
        """The images at these positions, uint8, in this order."""


class TensorImages(ImageSet):
    """Images uint8 (N,3,H,W) held in memory; a batch is one indexing."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __getitems__(self, positions: list[int]) -> Batch:
        indices = torch.tensor(positions)
        return Batch(self.images[indices], self.labels[indices], indices)


class EpochShuffle(Sampler[int]):
    """Every position once, in an order that depends on seed and epoch only.

    Lightning calls `set_epoch` before each epoch, so that a run that was killed and continues sees the
    orders it would have seen, which a loader's own generator, starting anew, would not give.
    """

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed, self.epoch = length, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        yield from np.random.default_rng((self.seed, self.epoch)).permutation(self.length).tolist()


class ImageDataModule(L.LightningDataModule, ABC):
    """Images in train, val and test. A split is read when `setup` or its loader first asks for it.

    Options: `data_dir` is the folder that holds all data sets; `batch_size`; `num_workers` is the number
    of processes that read image files, of use only to data sets that are not held in memory; `seed`
    chooses the training orders; `limit` makes the test loader use that many images, the same ones each
    time, in equal numbers from all classes and evenly spread over each.
    """

    name: str
    class_names: tuple[str, ...]
    image_size: int  # side in pixels
    mean: tuple[float, float, float]  # per channel, of images in [0,1]
    std: tuple[float, float, float]
    lazy = False  # whether image files are read batch by batch

    def __init__(
        self,
        data_dir: str | Path = "data",
        batch_size: int = 128,
        num_workers: int = 0,
        seed: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__()
        counts = {"batch_size": (batch_size, 1), "num_workers": (num_workers, 0), "seed": (seed, 0)}
        for option, (value, least) in counts.items():
            if value < least:
                raise UserError(f"{option}={value} was given; it must be {least} or more.")
        if limit is not None and limit < 1:
            raise UserError(f"limit={limit} was given; it must be 1 or more, or None for all test images.")
        self.data_dir = Path(data_dir).expanduser()
        self.batch_size, self.num_workers, self.seed, self.limit = batch_size, num_workers, seed, limit
        self._splits: dict[Split, ImageSet] = {}
        self._served: list[int] | None = None

    @property
    def num_classes(self) -> int:
        """Number of classes; labels run from 0 to one less."""
        return len(self.class_names)

    @abstractmethod
    def load(self, split: Split) -> dict[Split, ImageSet]:
        """Read a split, and give with it any other that comes without further reading.

        Raises `UserError` if the data are missing or damaged.
        """

    def augment(self, images: Tensor) -> Tensor:
        """Training images float32 (N,3,H,W) in [0,1], on the device, changed at random; here left alone."""
        return images

    def split(self, split: Split) -> ImageSet:
        """All images of a split, read at the first call."""
        if split not in self._splits:
            self._splits.update(self.load(split))
        return self._splits[split]

    def setup(self, stage: str | None = None) -> None:
        """Read what a stage of the trainer needs: `fit`, `validate`, `test`, `predict`; None reads all."""
        for split in _SPLITS_OF_STAGE[stage]:
            self.split(split)

    def train_dataloader(self) -> DataLoader[Batch]:
        """All training images, in a new order each epoch."""
        images = self.split("train")
        return self._loader(images, EpochShuffle(len(images), self.seed))

    def val_dataloader(self) -> DataLoader[Batch]:
        """All validation images in their order."""
        return self._loader(self.split("val"))

    @property
    def test_size(self) -> int:
        """How many test images are used: all, or `limit`."""
        total = len(self.split("test"))
        return total if self.limit is None else min(self.limit, total)

    def test_batches(self) -> list[list[int]]:
        """Positions in the split of the test images, or of `limit` of them, in their order, batch by batch."""
        positions = list(range(len(self.split("test"))))
        if self.test_size < len(positions):
            positions = balanced_positions(self.split("test").labels, self.test_size)
        return [positions[first : first + self.batch_size] for first in range(0, len(positions), self.batch_size)]

    def serve(self, batches: Sequence[int]) -> None:
        """From now on the test loader gives these of the `test_batches`, by number, and no others."""
        self._served = list(batches)

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test images in their order, or `limit` of them."""
        images = self.split("test")
        if self._served is not None:
            batches = self.test_batches()
            return self._loader(images, [batches[number] for number in self._served])
        if self.test_size == len(images):
            return self._loader(images)
        # Subset hands positions in the split to __getitems__, so that a batch's indices are those.
        return self._loader(Subset(images, balanced_positions(images.labels, self.test_size)))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int = 0) -> Batch:
        """From uint8 to normalised float32, augmented in training; Lightning calls it on the device.

        Without a trainer call it on each batch of a loader.
        """
        images = batch.images.float() / 255
        if self.trainer is not None and self.trainer.training:
            images = self.augment(images)
        mean, std = self._statistics(images)
        return batch._replace(images=(images - mean) / std)

    def denormalize(self, images: Tensor) -> Tensor:
        """Normalised images (N,3,H,W) back in [0,1]."""
        mean, std = self._statistics(images)
        return (images * std + mean).clamp(0, 1)

    def _statistics(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = images.new_tensor([self.mean, self.std]).view(2, 3, 1, 1)
        return mean, std

    def _loader(self, images: Dataset[Batch], order: Sampler[int] | list[list[int]] | None = None) -> DataLoader[Batch]:
        """`order`: a sampler, or the positions in every batch; None: as they come."""
        workers = self.num_workers if self.lazy else 0
        batches: dict[str, Any] = {"batch_size": self.batch_size, "sampler": order}
        return DataLoader(
            images,
            **({"batch_sampler": order} if isinstance(order, list) else batches),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=_as_is,
        )


def _as_is(batch: Any) -> Any:
    return batch  # __getitems__ has made it a Batch already
