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
