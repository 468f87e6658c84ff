"""Which files a path, a folder and a glob name."""

import re
from pathlib import Path
from typing import Any

import pytest

from relprop.data.opening import find_images
from relprop.errors import UserError


def forbid(*_: Any, **__: Any) -> None:
    raise PermissionError(13, "Permission denied")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with images, other files, hidden ones, and folders."""
    for name in ("b.png", "a.JPG", "c.webp", ".hidden.jpg", "notes.txt", "paper.pdf", "net.h5", "inner/d.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    (tmp_path / "photos" / "folder.png").mkdir()
    return tmp_path / "photos"


def found(pattern: str | Path) -> list[str]:
    return [path.name for path in find_images(str(pattern))]


def test_images_of_a_folder_are_found_by_their_endings(photos: Path) -> None:
    assert find_images(str(photos)) == [photos / "a.JPG", photos / "b.png", photos / "c.webp"]
    assert find_images(f"{photos}/") == find_images(str(photos))


@pytest.mark.parametrize("name", ["notes.txt", ".hidden.jpg", "a.JPG"])
def test_a_file_is_taken_whatever_its_ending(photos: Path, name: str) -> None:
    assert find_images(str(photos / name)) == [photos / name]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", ["a.JPG", "b.png", "c.webp"]),
        ("[ab].*", ["a.JPG", "b.png"]),
        ("?.webp", ["c.webp"]),
        ("**", ["a.JPG", "b.png", "c.webp", "d.jpg"]),
        ("**/*.jpg", ["d.jpg"]),
        ("*/d.jpg", ["d.jpg"]),
    ],
)
def test_globs(photos: Path, pattern: str, names: list[str]) -> None:
    assert found(photos / pattern) == names


def test_relative_paths_and_the_home_folder(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    assert find_images("*.png") == [Path("b.png")] and found(".") == ["a.JPG", "b.png", "c.webp"]
    monkeypatch.setenv("HOME", str(photos.parent))
    assert find_images("~/photos/*.png") == [photos / "b.png"] and len(find_images("~/photos")) == 3
    (photos / "~").mkdir()
    (photos / "~" / "e.png").touch()
    assert find_images("~/e.png") == [Path("~/e.png")]  # one of this very name
    with pytest.raises(UserError, match="no such user's home folder"):
        find_images("~nobody_of_this_name/a.png")


def test_names_with_glob_characters_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("[1].jpg", "1.jpg", "[2020]/a.jpg", "[2020]/b.png", "2/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert found(tmp_path / "[1].jpg") == ["[1].jpg"]
    assert found(tmp_path / "[2020]") == ["a.jpg", "b.png"]
    assert found(tmp_path / "[2020]" / "*.jpg") == ["a.jpg"]
    assert found(tmp_path / "[2]" / "*.jpg") == ["c.jpg"]


@pytest.mark.parametrize("name", ["missing.jpg", "*.bmp", "*.txt", "inner/inner/*", "empty", "a" * 300])
def test_nothing_found_names_what_was_given(photos: Path, name: str) -> None:
    (photos / "empty").mkdir()
    with pytest.raises(UserError, match=re.escape(str(photos / name))):
        find_images(str(photos / name))


def test_an_empty_path_is_not_this_folder() -> None:
    with pytest.raises(UserError, match="path of the images is empty"):
        find_images("")


def test_a_folder_that_may_not_be_listed_is_named(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "iterdir", forbid)  # chmod forbids root nothing
    with pytest.raises(UserError, match="photos' cannot be looked up: Permission denied"):
        find_images(str(photos))
