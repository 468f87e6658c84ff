"""ImageNet (ILSVRC 2012, Russakovsky et al. 2015) from folders of JPEG files."""

import re
from pathlib import Path

import torch
from torchvision.models import ResNet50_Weights

from relprop.data.base import Split
from relprop.data.cuts import photo_cut
from relprop.data.devkit import validation_wnids
from relprop.data.files import class_files, visible, with_progress
from relprop.data.images import ImageSet
from relprop.data.photos import PhotoDataModule, Photos
from relprop.data.wnids import WNIDS
from relprop.errors import UserError
from relprop.folders import require_folders

_LABELS = {wnid: label for label, wnid in enumerate(WNIDS)}
_NUMBERED = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")


class ImageNet(PhotoDataModule):
    """Photographs of 1,000 classes, cut to squares, from `data_dir/imagenet/{train,val}/WNID/*`.

    They are Russakovsky, Deng et al.'s of 2015, found on the web and sorted by workers of Mechanical Turk;
    https://image-net.org gives them to those who ask. That is what `torchvision.datasets.ImageNet` makes of the
    archives, too. In `val` the images may also lie as its archive has them, ILSVRC2012_val_00000001.JPEG and so on;
    their labels are then those of the development kit. Nothing is written. Some of the classes, or of the images, are
    enough: a label is the position of the WNID among all 1,000, sorted. `val` serves validation and test, since the
    labels of the official test images were never published. Files are read batch by batch.
    """

    name = "imagenet"
    class_names = tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])
    wnids = WNIDS  # of the same classes

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """The list of files of train, or of val and test together."""
        train = split == "train"
        folder = self.data_dir / "imagenet" / ("train" if train else "val")
        require_folders(self.name, self.data_dir, [split])
        present = visible(folder)
        flat = not train and all(map(_NUMBERED.fullmatch, present))
        names, labels = _numbered(folder, present) if flat else _by_class(folder, present)
        cut = photo_cut(train, self.image_size)
        images = Photos(folder, names, torch.tensor(labels), cut, self.seed if train else None)
        return {"train": images} if train else {"val": images, "test": images}


def _by_class(folder: Path, present: list[str]) -> tuple[list[str], list[int]]:
    """Names and labels of the files in the class folders `present`."""
    unknown = [name for name in present if name not in _LABELS]
    if unknown:
        where = f"the images must lie in {folder}/WNID/*.JPEG"
        raise UserError(f"{folder / unknown[0]} is not a class of ImageNet; {where}.")
    names, labels = [], []
    for wnid in with_progress(present, f"Listing {folder}"):
        files = [f"{wnid}/{file}" for file in class_files(folder / wnid)]
        names += files
        labels += [_LABELS[wnid]] * len(files)
    return names, labels


def _numbered(folder: Path, present: list[str]) -> tuple[list[str], list[int]]:
    """Names and labels of the files `present`, which need not be all: each says its number among all."""
    wnids = validation_wnids(folder.parent)
    numbers = [int(name[-13:-5]) for name in present]
    unknown = [
        name
        for name, number in zip(present, numbers, strict=True)
        if not 1 <= number <= len(wnids) or wnids[number - 1] not in _LABELS
    ]
    if unknown:
        raise UserError(
            f"The development kit in {folder.parent} has no class of ImageNet for {unknown[0]}; take the official "
            "ILSVRC2012_devkit_t12.tar.gz."
        )
    return present, [_LABELS[wnids[number - 1]] for number in numbers]
