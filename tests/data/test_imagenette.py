from pathlib import Path

import pytest
import torch

from relprop.data import build_datamodule
from relprop.data.imagenette import CLASSES, COPIES
from relprop.data.wnids import WNIDS
from relprop.errors import UserError


@pytest.mark.data
def test_the_real_copy_of_128_pixels(data_dir: Path) -> None:
    data = build_datamodule("imagenette", data_dir=data_dir, image_size=56)
    assert not data.lazy
    files = data.listings
    assert len(files["train"].names) + len(files["val"].names) == 9469 and len(files["test"].names) == 3925
    assert not set(files["train"].names) & set(files["val"].names)
    shares = files["val"].labels.bincount() / (files["val"].labels.bincount() + files["train"].labels.bincount())
    assert shares.min() > 0.095 and shares.max() <= 0.1
    batch = data.on_after_batch_transfer(next(iter(data.val_dataloader())))
    assert batch.images.shape == (128, 3, 56, 56)
    assert batch.images.abs().max() < 3 and batch.images.std() > 0.8


def test_classes_are_named_as_in_imagenet() -> None:
    names = build_datamodule("imagenet").class_names
    assert [names[WNIDS.index(wnid)] for wnid in CLASSES] == list(CLASSES.values())


@pytest.mark.parametrize(
    ("there", "size", "expected"),
    [((128, 320), 112, 128), ((128, 320), 113, 320), ((128, 160), 224, 160), ((160,), 64, 160)],
)
def test_the_smallest_copy_of_large_enough_photographs(there, size: int, expected: int, tmp_path: Path) -> None:
    for side in there:
        for part in ("train", "val"):
            for wnid in CLASSES:
                (tmp_path / COPIES[side] / part / wnid).mkdir(parents=True)
                for i in range(2):
                    (tmp_path / COPIES[side] / part / wnid / f"{i}.JPEG").touch()
    listings = build_datamodule("imagenette", data_dir=tmp_path, image_size=size).listings
    assert listings["test"].folder == tmp_path / COPIES[expected] / "val"
    assert torch.equal(listings["test"].labels, torch.arange(10).repeat_interleave(2))


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    (tmp_path / COPIES[128] / "train").mkdir(parents=True)
    with pytest.raises(UserError, match="n01440764 is missing"):
        build_datamodule("imagenette", data_dir=tmp_path).split("train")
