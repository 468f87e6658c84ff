"""Data sets by name, as `build_datamodule("digits", batch_size=64)`."""

from collections.abc import Mapping
from typing import Any

from relprop.data.base import ImageDataModule
from relprop.data.cifar10 import Cifar10
from relprop.data.cub import Cub
from relprop.data.digits import Digits
from relprop.data.folder import Folder
from relprop.data.imagenet import ImageNet
from relprop.data.imagenette import Imagenette
from relprop.data.images import Batch
from relprop.data.mnist import Mnist
from relprop.registry import create

__all__ = ["Batch", "ImageDataModule", "build_datamodule", "list_datasets"]

_DATASETS: Mapping[str, type[ImageDataModule]] = {
    "digits": Digits,
    "mnist": Mnist,
    "cifar10": Cifar10,
    "imagenet": ImageNet,
    "imagenette": Imagenette,
    "cub": Cub,
    "folder": Folder,
}


def list_datasets() -> list[str]:
    """The names that `build_datamodule` takes."""
    return list(_DATASETS)


def build_datamodule(name: str, **options: Any) -> ImageDataModule:
    """The data set `name`; the options are those of `ImageDataModule`. Nothing is read or downloaded yet.

    Raises `UserError` for an unknown name or option.
    """
    return create("dataset", name, _DATASETS, **options)
