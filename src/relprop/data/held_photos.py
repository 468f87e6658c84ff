"""Photographs of small data sets, which fit into memory."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import center_crop

from relprop.data.augment import random_flip, random_resized_crop
from relprop.data.base import Split
from relprop.data.cuts import photo_cut, stored_side
from relprop.data.files import class_files
from relprop.data.images import ImageSet
from relprop.data.photos import PhotoDataModule, Photos, decoded

MOST_BYTES = 2**31
"""Data sets of no more decoded bytes are held in memory."""

SCALE = (0.35, 1.0)
"""The share of the area that a random part has: larger parts than usual on ImageNet, since small networks underfit."""


class Listing(NamedTuple):
    """Image files of a split: names below `folder`, and labels int64 (N,)."""

    folder: Path
    names: list[str]
    labels: Tensor

    def where(self, chosen: Tensor) -> "Listing":
        """Those `chosen`, boolean (N,)."""
        names = [self.names[i] for i in chosen.nonzero().flatten().tolist()]
        return Listing(self.folder, names, self.labels[chosen])


def list_classes(folder: Path, classes: Sequence[str]) -> Listing:
    """The files below the folders of these classes, by class and file name. Raises `UserError` if one has none."""
    files = [(f"{name}/{file}", label) for label, name in enumerate(classes) for file in _below(folder / name)]
    return Listing(folder, [name for name, _ in files], torch.tensor([label for _, label in files]))


def _below(folder: Path) -> Iterator[str]:
    for name in class_files(folder):
        path = folder / name
        yield from (f"{name}/{file}" for file in _below(path)) if path.is_dir() else [name]


class SmallPhotoDataModule(PhotoDataModule):
    """Photographs that are decoded once, into squares held in memory, if these have up to `MOST_BYTES` together.

    The squares are a little larger than `image_size`: validation and test see their middle, to the pixel what they
    would see of the files; training sees random parts, cut out and mirrored in batches on the device.
    """

    _listings: Mapping[Split, Listing] | None = None

    @abstractmethod
    def list_files(self) -> Mapping[Split, Listing]:
        """The files of all three splits. Raises `UserError` if they are missing or not in order."""

    @property
    def listings(self) -> Mapping[Split, Listing]:
        """The files of all three splits, looked up at the first call."""
        if self._listings is None:
            self._listings = self.list_files()
        return self._listings

    @property
    def lazy(self) -> bool:
        """Whether the data set is too large for the memory that it may take."""
        files = sum(len(listing.names) for listing in self.listings.values())
        return files * 3 * stored_side(self.image_size) ** 2 > MOST_BYTES

    @property
    def draws_per_image(self) -> int:
        """One for the mirror; four for the part if that is cut out on the device."""
        return 1 if self.lazy else 5

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """The list of files of a split, or all of its images."""
        listing = self.listings[split]
        train = split == "train"
        cut = photo_cut(train, self.image_size, SCALE)
        photos = Photos(*listing, cut, self.seed if train else None)
        return {split: photos if self.lazy else decoded(photos, stored_side(self.image_size))}

    def augment(self, images: Tensor, draws: Tensor) -> Tensor:
        """A random part of each, mirrored half of the time."""
        parts = images if self.lazy else random_resized_crop(images, draws[:, 1:], self.image_size, SCALE)
        return random_flip(parts, draws[:, 0])

    def frame(self, images: Tensor) -> Tensor:
        """The middle."""
        return torch.as_tensor(center_crop(images, [self.image_size, self.image_size]))
