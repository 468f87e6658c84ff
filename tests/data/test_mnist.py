import gzip
import math
import shutil
from pathlib import Path

import pytest
import torch

from relprop.data import build_datamodule
from relprop.errors import UserError

RAW = Path("MNIST") / "raw"


@pytest.mark.data
def test_the_originals(data_dir: Path) -> None:
    data = build_datamodule("mnist", data_dir=data_dir)
    sizes = {split: len(data.split(split)) for split in ("train", "val", "test")}
    assert sizes["train"] + sizes["val"] == 60_000 and sizes["test"] == 10_000
    every = torch.cat([data.split("train").labels, data.split("val").labels]).bincount()
    assert every.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # as published
    assert data.split("val").labels.bincount().tolist() == [int(count) // 10 for count in every]
    batch = next(iter(data.test_dataloader()))
    assert batch.images.shape == (128, 3, 32, 32)
    assert batch.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]  # the test set's well-known beginning
    assert (batch.images == batch.images[:, :1]).all()
    assert batch.images[:, :, :2].max() == 0 and batch.images[:, :, :, -2:].max() == 0


@pytest.mark.data
def test_normalisation_is_that_of_the_training_images(data_dir: Path) -> None:
    data = build_datamodule("mnist", data_dir=data_dir)
    pixels = data.split("train").images.float() / 255
    assert data.mean == pytest.approx([pixels.mean().item()] * 3, abs=2e-4)
    assert data.std == pytest.approx([pixels.std().item()] * 3, abs=2e-4)


@pytest.mark.data
def test_uncompressed_files_are_the_same_and_nothing_is_written(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / RAW).mkdir(parents=True)
    for kind in ("images-idx3", "labels-idx1"):
        packed = data_dir / RAW / f"t10k-{kind}-ubyte.gz"
        (tmp_path / RAW / f"t10k-{kind}-ubyte").write_bytes(gzip.decompress(packed.read_bytes()))
    before = sorted(tmp_path.rglob("*"))
    theirs, ours = (build_datamodule("mnist", data_dir=d).split("test") for d in (data_dir, tmp_path))
    assert torch.equal(theirs.images, ours.images) and torch.equal(theirs.labels, ours.labels)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.data
@pytest.mark.parametrize("damage", [b"", b"short", b"\x00" * 400])
def test_a_damaged_file_is_named(damage: bytes, data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / RAW).mkdir(parents=True)
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        shutil.copy(data_dir / RAW / name, tmp_path / RAW)
    (tmp_path / RAW / "t10k-labels-idx1-ubyte").write_bytes(damage)
    with pytest.raises(UserError, match="t10k-labels-idx1-ubyte is not a file of MNIST, or damaged"):
        build_datamodule("mnist", data_dir=tmp_path).split("test")
    (tmp_path / RAW / "t10k-labels-idx1-ubyte").unlink()
    (tmp_path / RAW / "t10k-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte.gz cannot be read"):
        build_datamodule("mnist", data_dir=tmp_path).split("test")


def values(magic: int, *shape: int) -> bytes:
    """A file of MNIST's format, of zeros."""
    return b"".join(number.to_bytes(4) for number in (magic, *shape)) + bytes(math.prod(shape))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (gzip.compress(b"")[:10] + b"\xff" * 50, "cannot be read"),
        (gzip.compress(values(2051, 3, 28, 28))[:-20], "cannot be read"),
        (gzip.compress(b"other"), "is not a file of MNIST, or damaged"),
    ],
    ids=["changed", "cut short", "another file"],
)
def test_a_damaged_archive_is_named_as_it_is_called(damage: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / RAW).mkdir(parents=True)
    (tmp_path / RAW / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(values(2049, 3)))
    images = tmp_path / RAW / "t10k-images-idx3-ubyte.gz"
    images.write_bytes(gzip.compress(values(2051, 3, 28, 28)))
    assert len(build_datamodule("mnist", data_dir=tmp_path).split("test")) == 3
    images.write_bytes(damage)
    with pytest.raises(UserError, match=f"{images} {says}"):
        build_datamodule("mnist", data_dir=tmp_path).split("test")


def test_without_a_network_the_refusal_says_where_to_put_the_files(tmp_path: Path, monkeypatch) -> None:
    """torchvision's real download, against a port where nobody listens."""
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    with pytest.raises(UserError, match=r"could not be downloaded \(.*put its four files \*-ubyte.gz"):
        build_datamodule("mnist", data_dir=tmp_path).split("test")
