"""ImageNet (ILSVRC 2012) from a folder of JPEG files."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms
from torchvision.models import ResNet50_Weights

from relprop.data.augment import random_flip
from relprop.data.base import IMAGENET_MEAN, IMAGENET_STD, Batch, ImageDataModule, ImageSet, Split
from relprop.data.files import class_files, read_rgb, visible, with_progress
from relprop.errors import UserError
from relprop.folders import require_folders

_WNID = re.compile(r"n\d{8}")
Cut = Callable[[Image.Image], Tensor]  # any size to uint8 (3,224,224)


class ImageNet(ImageDataModule):
    """Photographs of 1,000 classes, cut to 224×224, from `data_dir/imagenet/{train,val}/WNID/*`.

    The class index is the position of the WNID among all 1,000, sorted. If not all class folders are
    there, the WNIDs are read from `data_dir/imagenet/wnids.txt`, one per line. `val` serves validation and
    test, since the labels of the official test images were never published. Files are read batch by batch.
    """

    name = "imagenet"
    class_names = tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])
    image_size = 224
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    lazy = True

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """The list of files of train, or of val and test together."""
        train = split == "train"
        folder = self.data_dir / "imagenet" / ("train" if train else "val")
        require_folders(self.name, self.data_dir, [split])
        present, wnids = visible(folder), _all_wnids(folder)
        unknown = [name for name in present if name not in wnids]
        if unknown:
            where = f"the images must lie in {folder}/WNID/*.JPEG"
            raise UserError(f"{folder / unknown[0]} is not a class of ImageNet; {where}.")
        images = _list_images(folder, present, wnids, _cut(train))
        return {"train": images} if train else {"val": images, "test": images}

    def augment(self, images: Tensor) -> Tensor:
        """Mirrored half of the time; the random cut is made when a file is read: a batch needs one size."""
        return random_flip(images)


class FileImages(ImageSet):
    """Image files below a folder, decoded when asked for and made equal in size by `cut`."""

    def __init__(self, folder: Path, names: Sequence[str], labels: Tensor, cut: Cut) -> None:
        self.folder, self.labels, self.cut = folder, labels, cut
        # One array: of a million strings each worker process would make a copy by counting references.
        self.names = np.array(names)

    def __getitems__(self, positions: list[int]) -> Batch:
        images = torch.stack([self.cut(read_rgb(self.folder / self.names[i])) for i in positions])
        indices = torch.tensor(positions)
        return Batch(images, self.labels[indices], indices)


def _list_images(folder: Path, present: list[str], wnids: list[str], cut: Cut) -> FileImages:
    names, labels = [], []
    for wnid in with_progress(present, f"Listing {folder}"):
        files = [f"{wnid}/{file}" for file in class_files(folder / wnid)]
        names += files
        labels += [wnids.index(wnid)] * len(files)
    return FileImages(folder, names, torch.tensor(labels), cut)


def _all_wnids(folder: Path) -> list[str]:
    """The 1,000 WNIDs, sorted, from wnids.txt beside `folder` or else the names of the class folders."""
    listing = folder.parent / "wnids.txt"
    wnids = sorted(set(listing.read_text().split() if listing.is_file() else visible(folder)))
    if len(wnids) == 1000 and all(_WNID.fullmatch(wnid) for wnid in wnids):
        return wnids
    if listing.is_file():
        raise UserError(f"{listing} must hold the 1,000 WNIDs of ImageNet, one per line, such as n01440764.")
    raise UserError(
        f"{folder} does not hold exactly ImageNet's 1,000 class folders, so the class numbers are not known; "
        f"add the others, or put the 1,000 WNIDs, one per line, into {listing}."
    )


def _cut(train: bool) -> Cut:
    """A random part for training; else the middle, as torchvision's weights were scored."""
    centre = [transforms.Resize(256), transforms.CenterCrop(224)]
    resized = [transforms.RandomResizedCrop(224)] if train else centre
    cut: Cut = transforms.Compose([*resized, transforms.PILToTensor()])
    return cut
