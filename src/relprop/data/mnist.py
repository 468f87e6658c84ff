"""MNIST (LeCun et al. 1998): handwritten digits."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision import datasets

from relprop.data.augment import random_crop
from relprop.data.base import ImageDataModule, Split
from relprop.data.images import ImageSet
from relprop.data.memory import TensorImages, train_and_val
from relprop.errors import UserError

_FILES = {"train": "train", "test": "t10k"}
_SIDE, _BORDER = 28, 2
_IMAGES, _LABELS = 2051, 2049  # the format's numbers for bytes in three dimensions and in one


class Mnist(ImageDataModule):
    """Digits of 28×28 pixels with 2 of black around them, grey in three equal channels: 54,000 train, 6,000 val, 10,000
    test.

    From the originals `data_dir/MNIST/raw/*-ubyte` or `*-ubyte.gz`, else downloaded into that folder. Validation is the
    last tenth of each class of the training images.
    """

    name = "mnist"
    class_names = tuple("0123456789")
    image_size = _SIDE + 2 * _BORDER
    draws_per_image = 2
    # Of the training images with their border; a test holds them against the data.
    mean = (0.1001, 0.1001, 0.1001)
    std = (0.2752, 0.2752, 0.2752)

    def prepare_data(self) -> None:
        """Download it if a file is missing; of several processes one does, and the others wait."""
        if not all(map(_is_there, _files(self.data_dir, "train") + _files(self.data_dir, "test"))):
            _download(self.data_dir)

    def load(self, split: Split) -> dict[Split, ImageSet]:
        """The test images, or train and val together."""
        images, labels = _read(self.data_dir, "test" if split == "test" else "train")
        if split == "test":
            return {"test": TensorImages(images, labels)}
        return train_and_val(images, labels)

    def augment(self, images: Tensor, draws: Tensor) -> Tensor:
        """Shift each image by up to 2 pixels in each direction; no mirroring, since digits have a side."""
        return random_crop(images, draws, padding=2)


def _read(data_dir: Path, part: str) -> tuple[Tensor, Tensor]:
    """Images uint8 (N,1,32,32) and labels int64 (N,)."""
    files = _files(data_dir, part)
    if not all(map(_is_there, files)):
        _download(data_dir)
    images, labels = (_bytes(file, magic) for file, magic in zip(files, (_IMAGES, _LABELS), strict=True))
    if len(images) != len(labels) * _SIDE**2:
        raise UserError(f"{files[0]} and {files[1].name} are not of as many images; replace them by the originals.")
    pixels = torch.from_numpy(images).view(-1, 1, _SIDE, _SIDE)
    return F.pad(pixels, (_BORDER,) * 4), torch.from_numpy(labels).long()


def _files(data_dir: Path, part: str) -> list[Path]:
    """The files of images and labels."""
    return [data_dir / "MNIST" / "raw" / f"{_FILES[part]}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1")]


def _packed(file: Path) -> Path:
    return file.with_name(f"{file.name}.gz")


def _is_there(file: Path) -> bool:
    return file.is_file() or _packed(file).is_file()


def _bytes(file: Path, magic: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """The values in a file of MNIST's format, or in the same compressed beside it. Raises `UserError` for another."""
    given = file if file.is_file() else _packed(file)
    try:
        content = given.read_bytes() if given == file else gzip.decompress(given.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{given} cannot be read ({error}); replace it by the original.") from error
    dimensions = 3 if magic == _IMAGES else 1
    start = 4 + 4 * dimensions
    header = np.frombuffer(content[: len(content[:start]) // 4 * 4], dtype=">i4").astype(int)
    if len(header) <= dimensions or header[0] != magic or np.prod(header[1:]) != len(content) - start:
        raise UserError(f"{given} is not a file of MNIST, or damaged; replace it by the original.")
    return np.frombuffer(content, dtype=np.uint8, offset=start).copy()


def _download(data_dir: Path) -> None:
    try:
        datasets.MNIST(data_dir, download=True)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"MNIST is not in {data_dir}/MNIST/raw and could not be downloaded ({reason}); put its four files "
            f"*-ubyte.gz, as from {datasets.MNIST.mirrors[0]}, there."
        ) from error
