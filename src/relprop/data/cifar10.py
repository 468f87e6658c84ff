"""CIFAR-10 (Krizhevsky 2009), from a folder of images or downloaded."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision import datasets

from relprop.data.augment import random_crop, random_flip
from relprop.data.base import IMAGENET_MEAN, IMAGENET_STD, ImageDataModule, Split
from relprop.data.files import class_files, read_rgb, visible, with_progress
from relprop.data.images import ImageSet
from relprop.data.memory import TensorImages, train_and_val
from relprop.errors import UserError
from relprop.folders import CIFAR10_LAYOUT, require_folders


class Cifar10(ImageDataModule):
    """32×32 photographs of 10 classes: 45,000 train, 5,000 val, 10,000 test.

    If `data_dir/cifar10` is a folder, its `train/CLASS/*` and `test/CLASS/*` are decoded into memory,
    sorted by class and file name; else the original is downloaded into `data_dir`. Validation is the last
    tenth of each class of the training images. The normalisation is ImageNet's, since the public weights
    of the CIFAR ResNets were trained with it.
    """

    name = "cifar10"
    class_names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    image_size = 32
    draws_per_image = 3
    mean, std = IMAGENET_MEAN, IMAGENET_STD

    def prepare_data(self) -> None:
        """Download it if there is no folder of images; of several processes one does, and the others wait."""
        if not (self.data_dir / "cifar10").is_dir():
            _download(self.data_dir, train=True)

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """The test images, or train and val together."""
        require_folders(self.name, self.data_dir, [split])
        part = "test" if split == "test" else "train"
        folder = self.data_dir / "cifar10"
        if folder.is_dir():
            images, labels = _read_folder(folder / part, self.class_names, self.image_size)
        else:
            images, labels = _download(self.data_dir, train=part == "train")
        if part == "test":
            return {"test": TensorImages(images, labels)}
        return train_and_val(images, labels)

    def augment(self, images: Tensor, draws: Tensor) -> Tensor:
        """As He et al. 2015 §4.2: shifted by up to 4 pixels over zeros, and mirrored half of the time."""
        return random_flip(random_crop(images, draws[:, :2], padding=4), draws[:, 2])


def _read_folder(folder: Path, classes: tuple[str, ...], size: int) -> tuple[Tensor, Tensor]:
    """Images uint8 (N,3,size,size) and labels int64 (N,), sorted by class and file name."""
    unknown = [name for name in visible(folder) if name not in classes]
    if unknown:
        raise UserError(f"{folder / unknown[0]} is not a class of CIFAR-10; accepted are {', '.join(classes)}.")
    names = [class_files(folder / name) for name in classes]
    files = [(folder / classes[i] / name, i) for i, members in enumerate(names) for name in members]
    images = torch.empty(len(files), 3, size, size, dtype=torch.uint8)
    for position, (file, _) in enumerate(with_progress(files, f"Reading {folder}")):
        image = read_rgb(file)
        if image.size != (size, size):
            found = "×".join(map(str, image.size))
            raise UserError(f"{file} has {found} pixels; CIFAR-10 has {size}×{size}: resize or delete the file.")
        images[position] = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return images, torch.tensor([label for _, label in files])


def _download(data_dir: Path, train: bool) -> tuple[Tensor, Tensor]:
    """The original images uint8 (N,3,32,32) and labels int64 (N,), in the order of their authors."""
    try:
        original = datasets.CIFAR10(data_dir, train=train, download=True)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"CIFAR-10 is not in {data_dir} and could not be downloaded ({reason}); put the images into "
            f"{data_dir}/{CIFAR10_LAYOUT}, or {datasets.CIFAR10.url} into {data_dir}."
        ) from error
    images = torch.from_numpy(original.data).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor(original.targets)
