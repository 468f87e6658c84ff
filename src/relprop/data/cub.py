"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011): photographs of birds, each with a box around it and its parts."""

import logging
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from relprop.data.annotated import AnnotatedPhotos
from relprop.data.base import Split
from relprop.data.birds import BIRDS, PARTS
from relprop.data.cuts import photo_cut
from relprop.data.download import fetch_archive
from relprop.data.files import class_files
from relprop.data.images import ImageSet
from relprop.data.photos import ListedPhotos, PhotoDataModule
from relprop.errors import UserError
from relprop.folders import CUB_FOLDER, CUB_URL, require_folders

log = logging.getLogger(__name__)

_FOLDERS = {f"{number:03}.{bird}": number - 1 for number, bird in enumerate(BIRDS, 1)}
_MD5 = "97eceeb196236b17998738112f37df78"  # as its authors give it


class Cub(PhotoDataModule):
    """Photographs of 200 classes of birds, cut to squares, in the official layout below `data_dir/CUB_200_2011`.

    Without that folder the data set is downloaded, 1.1 GB. It was collected by Wah, Branson, Welinder, Perona and
    Belongie (Caltech 2011) from Flickr, and annotated by workers of Mechanical Turk.

    images.txt says which images there are. A copy with some of the classes only keeps the labels of the whole: a label
    is the class's official number minus one, and `class_names` are all 200, so that a network for all of them can be
    explained. The official test images are `test`; of the official training images a tenth of each class, chosen by
    `seed`, is `val`, the rest `train`. Boxes and parts come with val and test, where explanations are scored, and not
    with train, whose images are mirrored later. A copy without parts/part_locs.txt has no parts. Files are read batch
    by batch.
    """

    name = "cub"
    class_names = tuple(bird.replace("_", " ") for bird in BIRDS)
    part_names = PARTS  # of a batch's parts, in their order

    def prepare_data(self) -> None:
        """Download the data set if its folder is missing; of several processes one does, and the others wait."""
        fetch_archive(CUB_URL, _MD5, self.data_dir / CUB_FOLDER)

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """The lists of files of all three splits."""
        self.prepare_data()  # a trainer has called it, others not
        require_folders(self.name, self.data_dir, [split])
        folder = self.data_dir / CUB_FOLDER
        birds = _read_lists(folder)
        _require_files(folder / "images", birds.names)
        val = _held_out(birds, self.seed)

        def annotated(chosen: Tensor) -> AnnotatedPhotos:
            names, labels = _choose(birds, chosen)
            parts = None if birds.parts is None else birds.parts[chosen]
            cut = photo_cut(False, self.image_size)
            return AnnotatedPhotos(folder / "images", names, labels, cut, birds.boxes[chosen], parts)

        names, labels = _choose(birds, birds.training & ~val)
        train = ListedPhotos(folder / "images", names, labels, photo_cut(True, self.image_size), self.seed)
        return {"train": train, "val": annotated(val), "test": annotated(~birds.training)}


class _Birds(NamedTuple):
    """All images, in the order of images.txt.

    Names below images/; labels int64 (N,); whether the official split trains on them (N,); boxes float32 (N,4): left,
    top, right, bottom in pixels of the file; parts float32 (N,15,3): x, y, and whether the part is visible, 1 or 0.
    """

    names: list[str]
    labels: Tensor
    training: Tensor
    boxes: Tensor
    parts: Tensor | None


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
    labels = torch.tensor([_FOLDERS[bird] for bird in classes])
    return _Birds(names, labels, training, boxes, _read_parts(folder / "parts" / "part_locs.txt", listed))


def _read_parts(path: Path, images: Collection[str]) -> Tensor | None:
    """Float32 (N,15,3), or None if there is no such file, as in copies made for classification only."""
    if not path.is_file():
        log.info("%s is missing: the birds come without their parts", path)
        return None
    lines = [f"{image} {part}" for image in images for part in range(1, len(PARTS) + 1)]
    return _numbers(path, lines, 3, keys=2).view(-1, len(PARTS), 3)


def _rows(path: Path, columns: int, keys: int = 1) -> dict[str, list[str]]:
    """The values of each line, `columns` of them, by the image's number, or by its and its part's if `keys` is 2.

    Raises `UserError` that names a line with fewer or more.
    """
    rows = {}
    for position, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        values = line.split()
        if len(values) != keys + columns:
            raise UserError(
                f"{path}, line {position}, must hold an image's number and {keys + columns - 1} more, not '{line}'; "
                "take the official file."
            )
        rows[" ".join(values[:keys])] = values[keys:]
    return rows


def _numbers(path: Path, images: Collection[str], columns: int, keys: int = 1) -> Tensor:
    """Values float32 (N, columns) of the images with these numbers. Raises `UserError` that names one without."""
    rows = _rows(path, columns, keys)
    missing = [image for image in images if image not in rows]
    if missing:
        which = missing[0].replace(" ", ", part ")
        raise UserError(f"{path} has no line for image {which} of images.txt; take the official file.")
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


def _held_out(birds: _Birds, seed: int) -> Tensor:
    """Boolean (N,): a tenth of each class's training images, at least one unless it is the only one.

    They are those whose names have the lowest hashes together with the seed: a choice like one at random, but the same
    whatever other classes are there and whatever the versions of the libraries.
    """
    held_out = torch.zeros_like(birds.training)
    for label in set(birds.labels.tolist()):
        members = (birds.training & (birds.labels == label)).nonzero().flatten().tolist()
        members.sort(key=lambda i: sha256(f"{seed} {birds.names[i]}".encode()).digest())
        held_out[members[: max(round(len(members) / 10), 1) if len(members) > 1 else 0]] = True
    return held_out
