"""The labels of ImageNet's validation images as they came: in the development kit, not in the names of folders."""

import tarfile
from io import BytesIO
from pathlib import Path

import torch
from scipy.io import loadmat

from relprop.errors import UserError

_DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
_META = "meta.bin"  # what torchvision.datasets.ImageNet makes of it


def validation_wnids(folder: Path) -> list[str]:
    """The WNIDs of ILSVRC2012_val_00000001.JPEG and all after it, from a file in `folder`, where nothing is written.

    The file is torchvision's meta.bin or else the authors' ILSVRC2012_devkit_t12.tar.gz. Raises `UserError` if neither
    is there or the one that is there cannot be read.
    """
    for name, read in ((_META, _from_meta), (_DEVKIT, _from_devkit)):
        if (folder / name).is_file():
            try:
                return read(folder / name)
            except Exception as error:  # damaged files raise whatever their decoders do
                reason = type(error).__name__
                raise UserError(f"{folder / name} is not torchvision's or damaged ({reason}); replace it.") from error
    raise UserError(
        f"The images in {folder / 'val'} are not in class folders, so that their labels are not known; put {_DEVKIT} "
        f"from https://image-net.org into {folder}."
    )


def _from_meta(path: Path) -> list[str]:
    """Class names by WNID, and the WNIDs of the validation images; not a pickle that may run code."""
    _, wnids = torch.load(path, weights_only=True)
    return [str(wnid) for wnid in wnids]


def _from_devkit(path: Path) -> list[str]:
    """The ground truth gives each image the number of a class, 1 to 1,000, in an order that is not that of WNIDs."""
    with tarfile.open(path) as tar:
        synsets = loadmat(BytesIO(_member(tar, "meta.mat")), squeeze_me=True)["synsets"]
        numbers = _member(tar, "ILSVRC2012_validation_ground_truth.txt").split()
    wnids = dict(zip(map(int, synsets["ILSVRC2012_ID"]), map(str, synsets["WNID"]), strict=True))
    return [wnids[int(number)] for number in numbers]


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(f"ILSVRC2012_devkit_t12/data/{name}")
    assert file is not None  # no folder has such a name
    return file.read()
