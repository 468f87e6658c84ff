"""ImageNet (ILSVRC 2012) from a folder of JPEG files."""

import re
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models import ResNet50_Weights

from relprop.data.augment import random_flip
from relprop.data.base import IMAGENET_MEAN, IMAGENET_STD, ImageDataModule, ImageSet, Split
from relprop.data.files import class_files, visible, with_progress
from relprop.data.photos import SIDE, Cut, Photos, photo_cut
from relprop.errors import UserError
from relprop.folders import require_folders

_WNID = re.compile(r"n\d{8}")


class ImageNet(ImageDataModule):
    """Photographs of 1,000 classes, cut to 224×224, from `data_dir/imagenet/{train,val}/WNID/*`.

    The class index is the position of the WNID among all 1,000, sorted. If not all class folders are
    there, the WNIDs are read from `data_dir/imagenet/wnids.txt`, one per line. `val` serves validation and
    test, since the labels of the official test images were never published. Files are read batch by batch.
    """

    name = "imagenet"
    class_names = tuple(ResNet50_Weights.IMAGENET1K_V1.meta["categories"])
    image_size = SIDE
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
        images = _list_images(folder, present, wnids, photo_cut(train))
        return {"train": images} if train else {"val": images, "test": images}

    def augment(self, images: Tensor) -> Tensor:
        """Mirrored half of the time; the random cut is made when a file is read: a batch needs one size."""
        return random_flip(images)


def _list_images(folder: Path, present: list[str], wnids: list[str], cut: Cut) -> Photos:
    names, labels = [], []
    for wnid in with_progress(present, f"Listing {folder}"):
        files = [f"{wnid}/{file}" for file in class_files(folder / wnid)]
        names += files
        labels += [wnids.index(wnid)] * len(files)
    return Photos(folder, names, torch.tensor(labels), cut)


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
