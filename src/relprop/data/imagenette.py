"""Imagenette (Howard 2019): photographs of ten ImageNet classes that are easy to tell apart."""

from collections.abc import Mapping
from math import inf
from pathlib import Path
from types import MappingProxyType

from relprop.data.base import Split
from relprop.data.cuts import stored_side
from relprop.data.download import fetch_archive
from relprop.data.held_photos import Listing, SmallPhotoDataModule, list_classes
from relprop.data.subset import last_tenth

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "n01440764": "tench",
        "n02102040": "English springer",
        "n02979186": "cassette player",
        "n03000684": "chain saw",
        "n03028079": "church",
        "n03394916": "French horn",
        "n03417042": "garbage truck",
        "n03425413": "gas pump",
        "n03445777": "golf ball",
        "n03888257": "parachute",
    }
)


# Its copies by the shorter side of their photographs in pixels; the last one has them as they are.
COPIES: Mapping[float, str] = MappingProxyType(
    {128: "imagenette2-128", 160: "imagenette2-160", 320: "imagenette2-320", inf: "imagenette2"}
)
_SITE, _DOWNLOADED, _MD5 = (
    "https://s3.amazonaws.com/fast-ai-imageclas",
    "imagenette2-320",
    "3df6f0d01a2c9592104656642f5e78a3",
)


class Imagenette(SmallPhotoDataModule):
    """9,469 photographs for training, of which a tenth of each class is `val`, and 3,925 for the test.

    From `data_dir/imagenette2-…/{train,val}/WNID/*`, the smallest copy there whose photographs are as large as needed;
    downloaded if there is none; the official `val` is `test`. fast.ai chose them from the training images of ImageNet.
    A network sees `image_size` pixels.
    """

    name = "imagenette"
    class_names = tuple(CLASSES.values())
    image_size = 112

    def list_files(self) -> Mapping[Split, Listing]:
        """The last tenth of each class's training images, by name, is val."""
        self.prepare_data()  # a trainer has called it, others not
        root = self._root()
        train, test = (list_classes(root / part, list(CLASSES)) for part in ("train", "val"))
        held_out = last_tenth(train.labels)
        return {"train": train.where(~held_out), "val": train.where(held_out), "test": test}

    def prepare_data(self) -> None:
        """Download it if there is no copy of it; of several processes one does, and the others wait."""
        if self._root() == self.data_dir / _DOWNLOADED:
            fetch_archive(f"{_SITE}/{_DOWNLOADED}.tgz", _MD5, self.data_dir / _DOWNLOADED)

    def _root(self) -> Path:
        """The smallest copy of large enough photographs, else the largest; if there is none, that to download."""
        there = {side: self.data_dir / name for side, name in COPIES.items() if (self.data_dir / name).is_dir()}
        if not there:
            return self.data_dir / _DOWNLOADED
        large = [side for side in there if side >= stored_side(self.image_size)]
        return there[min(large) if large else max(there)]
