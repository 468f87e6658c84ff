"""Which folders a data set needs. Imports no torch, so that a missing one is refused at once."""

from collections.abc import Iterable
from pathlib import Path

from relprop.errors import UserError

CIFAR10_LAYOUT = "cifar10/{train,test}/CLASS/*"
CUB_FOLDER = "CUB_200_2011"  # as its authors' archive unpacks
CUB_URL = "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz"


def require_folders(dataset: str, data_dir: str | Path, splits: Iterable[str]) -> None:
    """Raise `UserError` if images of the splits "train", "val" or "test" are expected in a folder that is not there.

    The digits need none; what can be downloaded is, unless its folder is there, which must then be whole.
    """
    root = Path(data_dir).expanduser() / dataset
    if dataset == "cub" and (root.parent / CUB_FOLDER).exists():
        _require_cub(root.parent / CUB_FOLDER)
    if dataset == "imagenet":
        for part in {"train" if split == "train" else "val" for split in splits}:
            _require_imagenet(root / part)
    if dataset == "cifar10" and root.is_dir():
        for part in {"test" if split == "test" else "train" for split in splits}:
            if not (root / part).is_dir():
                raise UserError(f"The folder {root / part} is missing; the images must lie in {CIFAR10_LAYOUT}.")


def _require_imagenet(folder: Path) -> None:
    root, part = folder.parent, folder.name
    if not folder.is_dir() and (root / f"ILSVRC2012_img_{part}.tar").is_file():
        raise UserError(
            f"{root} holds ILSVRC2012_img_{part}.tar, but not {folder}; unpack it, with ILSVRC2012_devkit_t12.tar.gz "
            f"beside it, by: python -c \"from torchvision.datasets import ImageNet; ImageNet('{root}', '{part}')\""
        )
    if not folder.is_dir():
        raise UserError(
            f"There is no ImageNet at {folder}; request it from https://image-net.org and unpack it as "
            f"{folder}/WNID/*.JPEG, or give another data_dir."
        )
    if all(path.name.startswith(".") for path in folder.iterdir()):
        raise UserError(f"{folder} is empty; the images must lie in {folder}/WNID/*.JPEG.")


def _require_cub(folder: Path) -> None:
    for part in ("images", "images.txt", "train_test_split.txt", "bounding_boxes.txt"):
        if not (folder / part).exists():
            raise UserError(
                f"{folder / part} is missing; unpack all of {CUB_URL}, or move {folder} away to have it downloaded."
            )
