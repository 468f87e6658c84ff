"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011): photographs of birds with a box around each."""

from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from relprop.data.augment import random_flip
from relprop.data.base import IMAGENET_MEAN, IMAGENET_STD, ImageDataModule, ImageSet, Split
from relprop.data.birds import BIRDS
from relprop.data.files import class_files
from relprop.data.photos import SIDE, BoxedPhotos, Photos, photo_cut
from relprop.errors import UserError
from relprop.folders import CUB_FOLDER, require_folders

_FOLDERS = {f"{number:03}.{bird}": number - 1 for number, bird in enumerate(BIRDS, 1)}


class Cub(ImageDataModule):
    """Photographs of 200 classes of birds, cut to 224×224, in the official layout below `data_dir/CUB_200_2011`.

    images.txt says which images there are. A copy with some of the classes only keeps the labels of the whole: a label
    is the class's official number minus one, and `class_names` are all 200, so that a network for all of them can be
    explained. The official test images are `test`; of the official training images a tenth of each class is `val`, the
    rest `train`. Boxes come with val and test. Files are read batch by batch.
    """

    name = "cub"
    class_names = tuple(bird.replace("_", " ") for bird in BIRDS)
    image_size = SIDE
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    lazy = True

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """The lists of files of all three splits."""
        require_folders(self.name, self.data_dir, [split])
        folder = self.data_dir / CUB_FOLDER
        birds = _read_lists(folder)
        _require_files(folder / "images", birds.names)
        val = _held_out(birds)

        def boxed(chosen: Tensor) -> BoxedPhotos:
            names, labels = _choose(birds, chosen)
            return BoxedPhotos(folder / "images", names, labels, photo_cut(train=False), birds.boxes[chosen])

        names, labels = _choose(birds, birds.training & ~val)
        train = Photos(folder / "images", names, labels, photo_cut(train=True))
        return {"train": train, "val": boxed(val), "test": boxed(~birds.training)}

    def augment(self, images: Tensor) -> Tensor:
        """Mirrored half of the time; the random cut is made when a file is read: a batch needs one size."""
        return random_flip(images)


class _Birds(NamedTuple):
    """All images, in the order of images.txt.

    Names below images/; labels int64 (N,); whether the official split trains on them (N,); boxes float32 (N,4): left,
    top, right, bottom in pixels of the file.
    """

    names: list[str]
    labels: Tensor
    training: Tensor
    boxes: Tensor


def _read_lists(folder: Path) -> _Birds:
    """The label is that of the class's folder: its name begins with the number that image_class_labels.txt repeats."""
    listed = _rows(folder / "images.txt", 1)
    names = [name for (name,) in listed.values()]
    classes = [name.partition("/")[0] for name in names]
    unknown = [name for name, bird in zip(names, classes, strict=True) if bird not in _FOLDERS]
    if unknown:
        raise UserError(
            f"{folder / 'images.txt'} lists {unknown[0]}, which is not in a class folder of CUB-200-2011, such as "
            f"{next(iter(_FOLDERS))}/; take the official file."
        )
    training = _numbers(folder / "train_test_split.txt", listed, 1).flatten() == 1
    left, top, width, height = _numbers(folder / "bounding_boxes.txt", listed, 4).unbind(1)
    boxes = torch.stack([left, top, left + width, top + height], dim=1)
    return _Birds(names, torch.tensor([_FOLDERS[bird] for bird in classes]), training, boxes)


def _rows(path: Path, columns: int) -> dict[str, list[str]]:
    """The values of each line by the image's number. Raises `UserError` that names a line with fewer or more."""
    rows = {}
    for position, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        number, *values = line.split() or [""]
        if len(values) != columns:
            raise UserError(
                f"{path}, line {position}, must hold an image's number and {columns} more, not '{line}'; take the "
                "official file."
            )
        rows[number] = values
    return rows


def _numbers(path: Path, images: Collection[str], columns: int) -> Tensor:
    """Values float32 (N, columns) of the images with these numbers. Raises `UserError` that names one without."""
    rows = _rows(path, columns)
    missing = [image for image in images if image not in rows]
    if missing:
        raise UserError(f"{path} has no line for image {missing[0]} of images.txt; take the official file.")
    try:
        return torch.tensor([[float(value) for value in rows[image]] for image in images]).view(-1, columns)
    except ValueError as error:
        raise UserError(f"{path} must hold numbers only ({error}); take the official file.") from error


def _require_files(folder: Path, names: list[str]) -> None:
    there = {
        f"{bird}/{file}"
        for bird in sorted({name.partition("/")[0] for name in names})
        for file in class_files(folder / bird)
    }
    missing = [name for name in names if name not in there]
    if missing:
        raise UserError(
            f"{folder / missing[0]} is missing, but images.txt lists it; put it there or take it from the list."
        )


def _choose(birds: _Birds, chosen: Tensor) -> tuple[list[str], Tensor]:
    """Names and labels of the images `chosen`, boolean (N,)."""
    return [birds.names[i] for i in chosen.nonzero().flatten().tolist()], birds.labels[chosen]


def _held_out(birds: _Birds) -> Tensor:
    """Boolean (N,): a tenth of each class's training images, at least one unless it is the only one.

    They are those whose names have the lowest hashes: a choice like one at random, but the same whatever other classes
    are there and whatever the versions of the libraries.
    """
    held_out = torch.zeros_like(birds.training)
    for label in set(birds.labels.tolist()):
        members = (birds.training & (birds.labels == label)).nonzero().flatten().tolist()
        members.sort(key=lambda i: sha256(birds.names[i].encode()).digest())
        held_out[members[: max(round(len(members) / 10), 1) if len(members) > 1 else 0]] = True
    return held_out
