"""Photographs of any size from image files, cut to equal squares."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from relprop.data.augment import random_flip
from relprop.data.base import IMAGENET_MEAN, IMAGENET_STD, ImageDataModule
from relprop.data.cuts import SIDE, Cut, middle_cut, photo_cut
from relprop.data.files import UnreadableImageError, read_rgb, with_progress
from relprop.data.images import Batch, ImageSet
from relprop.data.memory import TensorImages
from relprop.seeding import mixed_seed


class Photos(ImageSet):
    """Image files below a folder, decoded when asked for and made equal in size by `cut`.

    With a `seed` what is random in the cut depends on it, the epoch and the image only, whichever process reads it.
    """

    remedy = "replace the file or delete it"  # what to do about a file that cannot be decoded

    def __init__(self, folder: Path, names: Sequence[str], labels: Tensor, cut: Cut, seed: int | None = None) -> None:
        super().__init__()
        self.folder, self.labels, self.cut, self.seed = folder, labels, cut, seed
        # One array: of a million strings each worker process would make a copy by counting references.
        self.names = np.array(names)

    def __getitems__(self, positions: list[int]) -> Batch:
        images = torch.stack([self._image(i) for i in positions])
        indices = torch.tensor(positions)
        return Batch(images, self.labels[indices], indices)

    def content(self, position: int) -> tuple[bytes, ...]:
        """The file as it is, and how it is cut. Raises `UnreadableImageError` if it cannot be read."""
        path = self.folder / self.names[position]
        try:
            file = path.read_bytes()
        except OSError as error:
            raise UnreadableImageError(f"{path} cannot be read ({error.strerror}); {self.remedy}.") from error
        return file, f"{self.cut} {self.seed}".encode()

    def _image(self, position: int) -> Tensor:
        photo = read_rgb(self.folder / self.names[position], self.remedy)
        with torch.random.fork_rng(devices=[], enabled=self.seed is not None):
            if self.seed is not None:  # not torch.manual_seed, which seeds the generators of GPUs as well
                torch.default_generator.manual_seed(mixed_seed(self.seed, int(self.epoch), position))
            image: Tensor = self.cut(photo)
        return image


class ListedPhotos(Photos):
    """Image files that a list names, as one without which the data set would not be read."""

    remedy = "replace the file"


def decoded(photos: Photos, side: int) -> TensorImages:
    """All of them read, at once, as squares: the middle after the shorter side has been made `side` pixels."""
    cut = middle_cut(side, side)
    images = torch.empty(len(photos), 3, side, side, dtype=torch.uint8)

    def read(position: int) -> None:
        images[position] = cut(read_rgb(photos.folder / photos.names[position], photos.remedy))

    # Threads that silence warnings one over another leave them silenced; this puts the filters back.
    with warnings.catch_warnings(), ThreadPoolExecutor() as threads:  # decoding and resizing let other threads run
        done = threads.map(read, range(len(photos)))
        for _ in with_progress(range(len(photos)), f"Reading {photos.folder}"):
            next(done)
    return TensorImages(images, photos.labels)


class PhotoDataModule(ImageDataModule):
    """Photographs read by worker processes, batch by batch, and cut to `image_size` pixels."""

    mean, std = IMAGENET_MEAN, IMAGENET_STD
    image_size = SIDE
    any_size = True

    @property
    def lazy(self) -> bool:
        """Always: there are too many for the memory."""
        return True

    @property
    def draws_per_image(self) -> int:
        """One, for the mirror."""
        return 1

    def augment(self, images: Tensor, draws: Tensor) -> Tensor:
        """Mirrored half of the time; the random cut is made when a file is read: a batch needs one size."""
        return random_flip(images, draws[:, 0])

    @property
    def cut(self) -> Cut:
        """What a network sees of a photograph in validation and test."""
        return photo_cut(train=False, image_size=self.image_size)
