"""ImageNet as its archives come, in small: torchvision's own reading of them is the truth."""

import hashlib
import tarfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import ImageNet, imagenet

from relprop.data import build_datamodule
from relprop.data.wnids import WNIDS
from relprop.errors import UserError

DEVKIT, IMAGES = "ILSVRC2012_devkit_t12.tar.gz", "ILSVRC2012_img_val.tar"
TRUTH = [490, 3, 1000, 3, 77, 1]  # numbers of classes, by the devkit's count


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, BytesIO(content))


def synsets() -> np.ndarray:
    """Class number i, from 1, is not the i-th WNID; after the 1,000 come groups of them, such as mammals."""
    order = np.random.default_rng(0).permutation(1000)
    fields = ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height")
    rows = [(i, WNIDS[k], f"class {k}, other name", "what it is", 0, [], 0) for i, k in enumerate(order, 1)]
    rows += [(i, f"n9{i:07}", "mammal", "a group", 2, [1, 2], 3) for i in range(1001, 1011)]
    table = np.empty(len(rows), dtype=[(name, object) for name in fields])
    for position, row in enumerate(rows):
        table[position] = row
    return table


def jpeg(red: int) -> bytes:
    Image.new("RGB", (300, 260), (red, 0, 0)).save(buffer := BytesIO(), "jpeg")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Path:
    """Both archives, with six images: red is forty times the image's number."""
    root = tmp_path_factory.mktemp("archives")
    savemat(buffer := BytesIO(), {"synsets": synsets()[:, None]})
    with tarfile.open(root / DEVKIT, "w:gz") as tar:
        data = "ILSVRC2012_devkit_t12/data/"
        add(tar, f"{data}meta.mat", buffer.getvalue())
        add(tar, f"{data}ILSVRC2012_validation_ground_truth.txt", "".join(f"{i}\n" for i in TRUTH).encode())
    with tarfile.open(root / IMAGES, "w") as tar:
        for number in range(1, 7):
            add(tar, f"ILSVRC2012_val_{number:08}.JPEG", jpeg(40 * number))
    return root


@pytest.fixture
def folder(archives, tmp_path) -> Path:
    """The devkit and, unpacked as they come, the images."""
    root = tmp_path / "imagenet"
    root.mkdir()
    (root / DEVKIT).write_bytes((archives / DEVKIT).read_bytes())
    with tarfile.open(archives / IMAGES) as tar:
        tar.extractall(root / "val", filter="data")
    return root


@pytest.fixture
def unpacked(archives, tmp_path, monkeypatch) -> ImageNet:
    """What torchvision makes of the archives, whose checksums it would miss."""
    root = tmp_path / "torchvision"
    root.mkdir()
    for part, name in (("devkit", DEVKIT), ("val", IMAGES)):
        (root / name).write_bytes((archives / name).read_bytes())
        monkeypatch.setitem(imagenet.ARCHIVE_META, part, (name, hashlib.md5((root / name).read_bytes()).hexdigest()))
    return ImageNet(root, "val")


def shown_classes(data_dir: Path) -> dict[int, str]:
    """WNID by the image's number, which its red shows."""
    (batch,) = build_datamodule("imagenet", data_dir=data_dir, batch_size=10).test_dataloader()
    reds = (batch.images[:, 0, 100, 100] / 40).round().int().tolist()
    return {red: WNIDS[label] for red, label in zip(reds, batch.labels.tolist(), strict=True)}


def link(root: Path) -> Path:
    (root.parent / "links").mkdir()
    (root.parent / "links" / "imagenet").symlink_to(root)
    return root.parent / "links"


def test_numbered_images_have_the_labels_of_torchvision(folder, unpacked):
    truth = {int(Path(name).stem[-8:]): unpacked.wnids[label] for name, label in unpacked.samples}
    assert sorted(truth) == [1, 2, 3, 4, 5, 6] and truth[2] == truth[4]
    before = sorted(folder.rglob("*"))
    assert shown_classes(folder.parent) == truth
    assert sorted(folder.rglob("*")) == before
    for number in (1, 2, 5):  # of some of the images the numbers still count from the first one of all
        (folder / "val" / f"ILSVRC2012_val_{number:08}.JPEG").unlink()
    assert shown_classes(folder.parent) == {number: truth[number] for number in (3, 4, 6)}
    (folder / DEVKIT).unlink()
    (folder / "meta.bin").write_bytes((Path(unpacked.root) / "meta.bin").read_bytes())
    assert shown_classes(folder.parent) == {number: truth[number] for number in (3, 4, 6)}


def test_what_torchvision_has_unpacked_is_read_as_it_is(unpacked):
    truth = {int(Path(name).stem[-8:]): unpacked.wnids[label] for name, label in unpacked.samples}
    assert shown_classes(link(Path(unpacked.root))) == truth


def test_without_the_devkit_the_labels_are_not_known(folder):
    (folder / DEVKIT).unlink()
    with pytest.raises(UserError, match=rf"not in class folders.* put ILSVRC2012_devkit_t12\.tar\.gz .* into {folder}"):
        build_datamodule("imagenet", data_dir=folder.parent).setup("test")


@pytest.mark.parametrize("name", [DEVKIT, "meta.bin"])
@pytest.mark.parametrize("content", [b"", b"not what it should be"])
def test_damaged_devkit_is_named(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"^{folder / name} is not torchvision's or damaged \(\w+\); replace it\.$"):
        build_datamodule("imagenet", data_dir=folder.parent).setup("test")


class Malicious:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_meta_file_cannot_run_code(folder):
    torch.save(({}, Malicious(folder / "ran")), folder / "meta.bin")
    with pytest.raises(UserError, match=r"meta\.bin is not torchvision's or damaged \(UnpicklingError\)"):
        build_datamodule("imagenet", data_dir=folder.parent).setup("test")
    assert not (folder / "ran").exists()


def test_image_without_a_class_is_named(folder):
    (folder / "val" / "ILSVRC2012_val_00000007.JPEG").write_bytes(jpeg(0))
    with pytest.raises(UserError, match=r"has no class of ImageNet for ILSVRC2012_val_00000007\.JPEG"):
        build_datamodule("imagenet", data_dir=folder.parent).setup("test")


def test_image_beside_class_folders_is_named(folder):
    (folder / "val" / WNIDS[0]).mkdir()
    with pytest.raises(UserError, match=r"val/ILSVRC2012_val_00000001\.JPEG is not a class of ImageNet"):
        build_datamodule("imagenet", data_dir=folder.parent).setup("test")
