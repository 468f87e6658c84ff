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


def test_cub_is_refused_until_all_of_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "CUB_200_2011"
    with pytest.raises(UserError, match=rf"There is no CUB-200-2011 at {folder}; get \S+ from https://data\.caltech\."):
        require_folders("cub", tmp_path, ["test"])
    folder.mkdir()
    for part in ("images", "images.txt", "train_test_split.txt", "bounding_boxes.txt"):
        with pytest.raises(UserError, match=rf"{folder / part} is missing; unpack all of CUB_200_2011\.tgz"):
            require_folders("cub", tmp_path, ["test"])
        (folder / part).touch()
    require_folders("cub", tmp_path, ["train", "val", "test"])
