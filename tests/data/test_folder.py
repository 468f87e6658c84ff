"""Any folder of images: its three layouts, and what is none."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from relprop.data import build_datamodule
from relprop.data.base import ImageDataModule
from relprop.errors import UserError

ANIMALS = ("cat", "dog", "Zebra crossing")


def make(path: Path, classes: tuple[str, ...] = ANIMALS, count: int = 10) -> Path:
    for name in classes:
        (path / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (20, 30), (i, 0, 0)).save(path / name / f"{i:02}.png")
    (path / ".DS_Store").touch()
    return path


def data(path: Path, **options: object) -> ImageDataModule:
    return build_datamodule("folder", path=path, image_size=16, **options)


def names(module: ImageDataModule) -> dict[str, set[str]]:
    return {split: {f"{x.folder.name}/{name}" for name in x.names} for split, x in module.listings.items()}


def touch(path: Path, count: int) -> Path:
    """As `make`, but of empty files, which are enough to be divided."""
    for name in ANIMALS:
        (path / name).mkdir(exist_ok=True)
        for i in range(count):
            (path / name / f"{i:03}.png").touch()
    return path


def test_class_folders_alone_are_divided_whatever_the_seed(tmp_path: Path) -> None:
    """Else a command with another seed than the training's would test the network on what it was trained on."""
    module = data(touch(tmp_path, 300))
    assert module.class_names == ("Zebra crossing", "cat", "dog")
    for split, low, high in (("train", 200, 280), ("val", 15, 45), ("test", 15, 45)):
        assert all(low <= count <= high for count in module.listings[split].labels.bincount().tolist())
    parts = names(module)
    assert sum(map(len, parts.values())) == len(set.union(*parts.values())) == 900
    assert names(data(tmp_path, seed=1, per_class=5)) == parts


@pytest.mark.parametrize("count", range(3, 12))
def test_each_part_has_an_image_of_each_class(count: int, tmp_path: Path) -> None:
    module = data(touch(tmp_path, count))
    assert all((x.labels.bincount(minlength=3) > 0).all() for x in module.listings.values())
    assert len(set.union(*names(module).values())) == 3 * count


def test_files_added_later_are_not_drawn_from_those_that_were_trained_on(tmp_path: Path) -> None:
    trained: set[str] = set()
    for count in (4, 5, 10, 11, 30, 300):
        parts = names(data(touch(tmp_path, count)))
        assert trained <= parts["train"]
        trained = parts["train"]


def test_train_and_val_make_val_the_test(tmp_path: Path) -> None:
    make(tmp_path / "train"), make(tmp_path / "val", count=3)
    parts = names(data(tmp_path))
    assert parts["test"] == {f"val/{name}/{i:02}.png" for name in ANIMALS for i in range(3)}
    assert parts["val"] == {f"train/{name}/09.png" for name in ANIMALS}
    assert len(parts["train"]) == 27


def test_all_three_are_taken_as_they_are(tmp_path: Path) -> None:
    for count, part in enumerate(("train", "val", "test"), 2):
        make(tmp_path / part, count=count)
    assert {split: len(found) for split, found in names(data(tmp_path)).items()} == {"train": 6, "val": 9, "test": 12}


def test_folders_within_a_class_are_part_of_it(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "cat" / "tabby").mkdir()
    for i in range(5):
        (tmp_path / "cat" / f"{i:02}.png").rename(tmp_path / "cat" / "tabby" / f"{i}.png")
    found = set.union(*names(data(tmp_path)).values())
    assert len(found) == 30 and f"{tmp_path.name}/cat/tabby/3.png" in found


def test_images_come_with_their_labels(tmp_path: Path) -> None:
    module = data(make(tmp_path))
    (batch,) = module.test_dataloader()
    expected = [int(Path(name).stem) for name in module.listings["test"].names]
    assert batch.images[:, 0].flatten(1).float().mean(1).tolist() == expected
    assert torch.equal(batch.labels, torch.arange(3))


def test_what_is_no_such_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"dataset=folder needs dataset.path=PATH"):
        build_datamodule("folder")
    with pytest.raises(UserError, match="There is no folder"):
        data(tmp_path / "nowhere").setup()
    with pytest.raises(UserError, match="has 0 class folders; a classifier needs 2 or more"):
        data(tmp_path).setup()
    make(tmp_path / "one", ("cat",))
    with pytest.raises(UserError, match="has 1 class folders"):
        data(tmp_path / "one").setup()
    make(tmp_path / "few", count=2)
    with pytest.raises(UserError, match="has 2 images; a class that is divided"):
        data(tmp_path / "few").setup()
    make(tmp_path / "half" / "train")
    with pytest.raises(UserError, match="has train only"):
        data(tmp_path / "half").setup()


def test_other_classes_in_another_part_are_named(tmp_path: Path) -> None:
    make(tmp_path / "train"), make(tmp_path / "test", ("cat", "dog"))
    with pytest.raises(UserError, match="must have the same classes; only one has Zebra crossing"):
        data(tmp_path).setup()


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    for i in range(10):
        (tmp_path / "cat" / f"{i:02}.png").write_text("nothing to see")
    with pytest.raises(UserError, match=r"cat/\d\d.png cannot be decoded as an image"):
        data(tmp_path).setup()
