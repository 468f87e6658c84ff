"""Any folder of images with a folder for each class."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from relprop.data.base import Split
from relprop.data.files import visible
from relprop.data.held_photos import Listing, SmallPhotoDataModule, list_classes
from relprop.data.subset import last_tenth
from relprop.errors import UserError

_PARTS = ("train", "val", "test")
_LAYOUTS = "PATH/{train,val,test}/CLASS/*, PATH/{train,val}/CLASS/* or PATH/CLASS/*"


class Folder(SmallPhotoDataModule):
    """Photographs below `path`, in the layout of torchvision's ImageFolder; the classes are named by their folders.

    `path` holds train, val and test; or train and one of the others, which is then the test, while the last tenth of
    each class of train, by file name, is val; or the folders of the classes themselves, of which about a tenth is val
    and a tenth test: which images, their names decide, and neither `seed` nor any option, so that no command tests a
    network on what another one trained it on. A network sees `image_size` pixels.
    """

    name = "folder"

    def __init__(self, path: str | Path | None = None, **options: Any) -> None:
        super().__init__(**options)
        if path is None:
            raise UserError(f"dataset=folder needs dataset.path=PATH, a folder of images: {_LAYOUTS}")
        self.path = Path(path).expanduser()
        self._classes: tuple[str, ...] | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the class folders, sorted. Raises `UserError` if there are not two or more."""
        if self._classes is None:
            self._classes = _classes(self.path / "train" if "train" in _parts(self.path) else self.path)
        return self._classes

    def list_files(self) -> Mapping[Split, Listing]:
        """Raises `UserError` for another layout, and for parts of other classes than those of train."""
        parts = _parts(self.path)
        if not parts:
            return self._drawn(list_classes(self.path, self.class_names))
        listed = {part: self._part(part) for part in parts}
        if len(parts) == len(_PARTS):
            return {"train": listed["train"], "val": listed["val"], "test": listed["test"]}
        train, test = listed["train"], listed[next(part for part in parts if part != "train")]
        held_out = last_tenth(train.labels)
        return {"train": train.where(~held_out), "val": train.where(held_out), "test": test}

    def _part(self, part: str) -> Listing:
        folder = self.path / part
        theirs = _classes(folder)
        if theirs != self.class_names:
            odd = sorted(set(theirs) ^ set(self.class_names))
            raise UserError(f"{folder} and {self.path / 'train'} must have the same classes; only one has {odd[0]}.")
        return list_classes(folder, theirs)

    def _drawn(self, every: Listing) -> Mapping[Split, Listing]:
        """About a tenth of each class, at least one image, for val and for test: those with the lowest hashes of names.

        What counts is the hash itself and not its rank, so that files which are added later move no image from train
        to another part.
        """
        part = torch.zeros(len(every.names), dtype=torch.int64)
        for label, name in enumerate(self.class_names):
            members = (every.labels == label).nonzero().flatten().tolist()
            if len(members) < len(_PARTS):
                raise UserError(
                    f"{self.path / name} has {len(members)} images; a class that is divided into train, val and test "
                    "needs 3 or more."
                )
            place = {position: _hash(every.names[position]) for position in members}
            order = sorted(members, key=place.__getitem__)
            test = min(max(sum(place[i] < 0.1 for i in members), 1), len(members) - 2)
            held_out = min(max(sum(place[i] < 0.2 for i in members), test + 1), len(members) - 1)
            part[order[:test]] = 2
            part[order[test:held_out]] = 1
        return {"train": every.where(part == 0), "val": every.where(part == 1), "test": every.where(part == 2)}


def _hash(name: str) -> float:
    """A number in [0,1] that looks drawn at random, but is the same for this name always and everywhere."""
    return int.from_bytes(sha256(os.fsencode(name)).digest()[:8]) / 2**64


def _parts(path: Path) -> list[str]:
    """Which of train, val and test there are. Raises `UserError` if there is no folder, or not all that it needs."""
    if not path.is_dir():
        raise UserError(f"There is no folder {path}; give dataset.path=PATH, laid out as {_LAYOUTS}.")
    parts = [part for part in _PARTS if (path / part).is_dir()]
    if parts and (parts[0] != "train" or len(parts) == 1):
        raise UserError(f"{path} has {' and '.join(parts)} only; the images must lie in {_LAYOUTS}.")
    return parts


def _classes(folder: Path) -> tuple[str, ...]:
    names = tuple(name for name in visible(folder) if (folder / name).is_dir())
    if len(names) < 2:
        raise UserError(f"{folder} has {len(names)} class folders; a classifier needs 2 or more: {_LAYOUTS}.")
    return names
