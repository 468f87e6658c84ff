from pathlib import Path

import pytest

from relprop.errors import UserError
from relprop.folders import require_folders


def test_digits_need_no_folder_and_cifar10_can_be_downloaded(tmp_path: Path) -> None:
    require_folders("digits", tmp_path, ["train", "val", "test"])
    require_folders("cifar10", tmp_path, ["train", "val", "test"])


@pytest.mark.parametrize(("split", "part"), [("train", "train"), ("val", "val"), ("test", "val")])
def test_imagenet(split: str, part: str, tmp_path: Path) -> None:
    folder = tmp_path / "imagenet" / part
    with pytest.raises(UserError, match=f"There is no ImageNet at {folder}"):
        require_folders("imagenet", tmp_path, [split])
    folder.mkdir(parents=True)
    (folder / ".hidden").touch()
    with pytest.raises(UserError, match=f"{folder} is empty"):
        require_folders("imagenet", tmp_path, [split])
    (folder / "n01440764").mkdir()
    require_folders("imagenet", tmp_path, [split])


@pytest.mark.parametrize(("split", "part"), [("train", "train"), ("val", "train"), ("test", "test")])
def test_half_a_cifar10_folder(split: str, part: str, tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    with pytest.raises(UserError, match=f"The folder {tmp_path}/cifar10/{part} is missing"):
        require_folders("cifar10", tmp_path, [split])
    (tmp_path / "cifar10" / part).mkdir()
    require_folders("cifar10", tmp_path, [split])


@pytest.mark.parametrize(("split", "part"), [("train", "train"), ("val", "val"), ("test", "val")])
def test_imagenet_that_is_not_unpacked(split: str, part: str, tmp_path: Path) -> None:
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "imagenet" / f"ILSVRC2012_img_{part}.tar").touch()
    with pytest.raises(UserError, match=rf"unpack it, with .*ImageNet\('{tmp_path}/imagenet', '{part}'\)"):
        require_folders("imagenet", tmp_path, [split])
    (tmp_path / "imagenet" / part / "n01440764").mkdir(parents=True)
    require_folders("imagenet", tmp_path, [split])


def test_cub_can_be_downloaded_but_not_in_part(tmp_path: Path) -> None:
    require_folders("cub", tmp_path, ["test"])
    folder = tmp_path / "CUB_200_2011"
    folder.mkdir()
    for part in ("images", "images.txt", "train_test_split.txt", "bounding_boxes.txt"):
        with pytest.raises(
            UserError, match=rf"{folder / part} is missing; unpack all of https://data\.caltech\.edu/\S+"
        ):
            require_folders("cub", tmp_path, ["test"])
        (folder / part).touch()
    require_folders("cub", tmp_path, ["train", "val", "test"])
