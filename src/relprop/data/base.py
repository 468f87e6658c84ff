"""What all data sets share: loaders, normalisation and augmentation on the device, a fixed choice of test images."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from relprop.data.cuts import Cut, middle_cut
from relprop.data.images import Batch, ImageSet
from relprop.data.order import EpochShuffle, draw_numbers
from relprop.data.sizes import allowed_size, require_images
from relprop.data.subset import choose_positions
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


class ImageDataModule(L.LightningDataModule, ABC):
    """Images in train, val and test. A split is read when `setup` or its loader first asks for it.

    Options: `data_dir` is the folder that holds all data sets; `batch_size`; `num_workers` is the number of processes
    that read image files, of use only to data sets that are not held in memory; `seed` chooses the training orders, the
    augmentation, and the images of `per_class`. The test images are all, or `limit` of them, the same each time, as
    many from each class and evenly spread over it, or `per_class` from each class, drawn by `seed`.
    `image_size` is the side in pixels that a network sees, of photographs; None: the data set's own.

    Under a trainer of several processes each gets its part of the images; the trainer must not share them out itself
    (use_distributed_sampler=False). No global generator is used: what is random depends on seed, epoch and image.
    """

    name: str
    image_size: int  # side in pixels
    mean: tuple[float, float, float]  # per channel, of images in [0,1]
    std: tuple[float, float, float]
    any_size = False  # whether images are cut to what `image_size` is given; else they have one size

    def __init__(
        self,
        data_dir: str | Path = "data",
        batch_size: int = 128,
        num_workers: int = 0,
        seed: int = 0,
        limit: int | None = None,
        per_class: int | None = None,
        image_size: int | None = None,
    ) -> None:
        super().__init__()
        counts = {"batch_size": (batch_size, 1), "num_workers": (num_workers, 0), "seed": (seed, 0)}
        for option, (value, least) in counts.items():
            if value < least:
                raise UserError(f"{option}={value} was given; it must be {least} or more.")
        for option, given in {"limit": limit, "per_class": per_class}.items():
            if given is not None and given < 1:
                raise UserError(f"{option}={given} was given; it must be 1 or more, or None for all test images.")
        if limit is not None and per_class is not None:
            raise UserError(f"limit={limit} and per_class={per_class} both choose test images; leave one of them out.")
        self.data_dir = Path(data_dir).expanduser()
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.limit, self.per_class = limit, per_class
        if image_size is not None:
            self.image_size = allowed_size(self.name, image_size, None if self.any_size else self.image_size)
        self._splits: dict[Split, ImageSet] = {}
        self._used: list[int] | None = None
        self._served: list[int] | None = None
        self._draws: tuple[int, Tensor] | None = None  # of an epoch

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, by label."""

    @property
    def lazy(self) -> bool:
        """Whether image files are read batch by batch."""
        return False

    @property
    def draws_per_image(self) -> int:
        """How many random numbers `augment` takes."""
        return 0

    @property
    def num_classes(self) -> int:
        """Number of classes; labels run from 0 to one less."""
        return len(self.class_names)

    @property
    def cut(self) -> Cut:
        """What a network sees of a photograph: uint8 (3, image_size, image_size).

        Where the data set has no photographs it is the middle square, averaged over the pixels that become one.
        """
        return middle_cut(self.image_size, self.image_size)

    @abstractmethod
    def load(self, split: Split) -> dict[Split, ImageSet]:
        """Read a split, and give with it any other that comes without further reading.

        Raises `UserError` if the data are missing or damaged.
        """

    def augment(self, images: Tensor, draws: Tensor) -> Tensor:
        """Training images float32 (N,3,H,W) in [0,1], on the device, changed by random numbers; here left alone.

        `draws` (N, draws_per_image) are uniform in [0,1).
        """
        return images

    def frame(self, images: Tensor) -> Tensor:
        """What the network sees of images (N,3,H,W) in validation and test; here all of it."""
        return images

    def split(self, split: Split) -> ImageSet:
        """All images of a split, read at the first call."""
        if split not in self._splits:
            self._splits.update(self.load(split))
        return self._splits[split]

    def share(self, other: "ImageDataModule") -> None:
        """Take over the splits that another module of the same data set and options has read, now and from now on."""
        self._splits = other._splits

    def setup(self, stage: str | None = None) -> None:
        """Read what a stage of the trainer needs: `fit`, `validate`, `test`, `predict`; None reads all.

        Raises `UserError` for a split without images. Before a training of several processes the test images, too, are
        read, and it is raised if there are fewer images than processes, rather than when the training is over.
        """
        for split in _SPLITS_OF_STAGE[stage]:
            require_images(self.name, split, len(self.split(split)))
        processes = self._process()[1]
        if stage == "fit" and (processes > 1 or "test" in self._splits):
            require_images(self.name, "val", len(self.split("val")), processes)
            require_images(self.name, "test", self.test_size, processes)

    def train_dataloader(self) -> DataLoader[Batch]:
        """All training images, in a new order each epoch."""
        images = self.split("train")
        return self._loader(images, EpochShuffle(images, self.seed, *self._process()))

    def val_dataloader(self) -> DataLoader[Batch]:
        """All validation images in their order."""
        images = self.split("val")
        return self._loader(images, self._share(range(len(images))))

    @property
    def test_size(self) -> int:
        """How many test images are used."""
        return len(self._test_positions())

    def test_fingerprint(self) -> str:
        """sha256 of the test images that are used: their content, labels, positions, size and normalisation.

        Two data modules that have it in common give a network the same. Wherever the images lie and however they are
        put into batches; photographs are not decoded. Raises `UserError` for a file that cannot be read.
        """
        positions = self._test_positions()
        content = self.split("test").fingerprint(positions)
        return sha256(f"{content} {positions} {self.image_size} {[*self.mean]} {[*self.std]}".encode()).hexdigest()

    def test_batches(self) -> list[list[int]]:
        """Positions in the split of the test images that are used, in their order, batch by batch."""
        positions = self._test_positions()
        return [positions[first : first + self.batch_size] for first in range(0, len(positions), self.batch_size)]

    def serve(self, batches: Sequence[int]) -> None:
        """From now on the test loader gives these of the `test_batches`, by number, and no others."""
        self._served = list(batches)

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test images that are used, in their order."""
        images = self.split("test")
        if self._served is not None:
            batches = self.test_batches()
            return self._loader(images, [batches[number] for number in self._served])
        return self._loader(images, self._share(self._test_positions()))

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int = 0) -> Batch:
        """From uint8 to normalised float32, augmented in training; Lightning calls it on the device.

        Without a trainer call it on each batch of a loader.
        """
        images = batch.images.float() / 255
        if self.trainer is not None and self.trainer.training:
            draws = self._draws_of(self.trainer.current_epoch, images.device)
            images = self.augment(images, draws[batch.indices])
        else:
            images = self.frame(images)
        mean, std = self._statistics(images)
        return batch._replace(images=(images - mean) / std)

    def denormalize(self, images: Tensor) -> Tensor:
        """Normalised images (N,3,H,W) back in [0,1]."""
        mean, std = self._statistics(images)
        return (images * std + mean).clamp(0, 1)

    def _statistics(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = images.new_tensor([self.mean, self.std]).view(2, 3, 1, 1)
        return mean, std

    def _draws_of(self, epoch: int, device: torch.device) -> Tensor:
        """The random numbers of an epoch, (images, draws_per_image): the same whatever batch, process and device.

        All of them are brought to the device, where a step then need not wait for the host.
        """
        if self._draws is None or self._draws[0] != epoch:
            numbers = draw_numbers(self.seed, epoch, len(self.split("train")), self.draws_per_image)
            self._draws = epoch, torch.from_numpy(numbers).to(device)
        return self._draws[1]

    def _test_positions(self) -> list[int]:
        if self._used is None:
            self._used = choose_positions(self.split("test").labels, self.limit, self.per_class, self.seed)
        return self._used

    def _process(self) -> tuple[int, int]:
        """The number of this process, and of how many."""
        return (0, 1) if self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)

    def _is_on_gpu(self) -> bool:
        """Whether batches go to a GPU; memory that is pinned for nothing would take some of the GPU's."""
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def _share(self, positions: Sequence[int]) -> Sequence[int]:
        """Those for this process; each position is one process's."""
        process, processes = self._process()
        return positions[process::processes]

    def _loader(self, images: ImageSet, order: Sampler[int] | Sequence[int] | list[list[int]]) -> DataLoader[Batch]:
        """`order`: positions or a sampler of them, or the positions in every batch."""
        workers = self.num_workers if self.lazy else 0
        in_batches = isinstance(order, list) and len(order) > 0 and isinstance(order[0], list)
        batches: dict[str, Any] = {"batch_size": self.batch_size, "sampler": order}
        return DataLoader(
            images,
            **({"batch_sampler": order} if in_batches else batches),
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self._is_on_gpu(),
            collate_fn=_as_is,
        )


def _as_is(batch: Any) -> Any:
    return batch  # __getitems__ has made it a Batch already
