"""Photographs from strangers, and how many are kept."""

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relprop.data import build_datamodule
from relprop.data.files import UnreadableImageError
from relprop.demo.uploads import FORMATS, MOST_MEGABYTES, keep_newest, read_upload

DATA = build_datamodule("digits")


def file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def encoded(form: str, size: tuple[int, int] = (40, 40)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, (255, 0, 0)).save(content, form)
    return content.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, all black; it is small however many there are."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height), 9) if width * height < 10**6 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableImageError) as refused:
        read_upload(path, DATA)
    assert str(path.parent) not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("form", FORMATS)
def test_photographs_are_cut_for_the_network(form: str, tmp_path: Path) -> None:
    pixels = read_upload(file(tmp_path / "odd.name", encoded(form)), DATA)
    assert pixels.shape == DATA.cut(Image.new("RGB", (40, 40))).shape
    assert pixels[0].float().mean() > 240


@pytest.mark.parametrize("form", ["TIFF", "EPS", "ICO", "PPM", "TGA", "PCX", "SGI", "JPEG2000", "PDF", "DDS"])
def test_what_no_browser_shows_is_not_decoded(form: str, tmp_path: Path) -> None:
    assert "cannot be decoded" in refusal(file(tmp_path / "photo.png", encoded(form)))


@pytest.mark.parametrize("content", [b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%!PS", b"\0" * 99])
def test_what_is_no_photograph_is_refused(content: bytes, tmp_path: Path) -> None:
    assert "the photograph cannot be decoded" in refusal(file(tmp_path / "photo.png", content))


def test_damage_is_told(tmp_path: Path) -> None:
    assert "cannot be decoded" in refusal(file(tmp_path / "photo.jpg", encoded("JPEG")[:300]))
    assert "empty" in refusal(file(tmp_path / "photo.png", b""))
    assert "There is no image the photograph" in refusal(tmp_path / "gone.png")
    assert "folder" in refusal(file(tmp_path / "a" / "b.png", b"").parent)


def test_pixels_are_counted_before_they_are_decoded(tmp_path: Path) -> None:
    assert "10000 × 6000 pixels" in refusal(file(tmp_path / "photo.png", png(10_000, 6000)))
    assert "too many pixels" in refusal(file(tmp_path / "photo.png", png(100_000, 100_000)))
    assert "longer side" in refusal(file(tmp_path / "photo.png", png(10_000, 10)))


def test_bytes_are_counted_before_the_file_is_opened(tmp_path: Path) -> None:
    with (tmp_path / "photo.png").open("wb") as photo:
        photo.truncate(MOST_MEGABYTES * 10**6 + 1)
    assert f"larger than {MOST_MEGABYTES} MB" in refusal(tmp_path / "photo.png")


@pytest.fixture
def kept(tmp_path: Path) -> list[Path]:
    """Five files with 1000 bytes, the oldest first; the last lies in the folder itself."""
    names = [*(f"{i}/photo.png" for i in range(4)), "unfinished"]
    paths = [file(tmp_path / name, bytes(1000)) for name in names]
    for age, path in enumerate(reversed(paths)):
        os.utime(path, (10**9 - age, 10**9 - age))
    return paths


@pytest.mark.parametrize(("files", "megabytes", "left"), [(5, 1, 5), (3, 1, 3), (9, 0.0025, 2), (0, 1, 0), (9, 0, 0)])
def test_the_oldest_goes_first(kept: list[Path], tmp_path: Path, files: int, megabytes: float, left: int) -> None:
    keep_newest(tmp_path, files, megabytes)
    assert [path for path in kept if path.exists()] == kept[len(kept) - left :]
    assert tmp_path.is_dir() and not [path for path in tmp_path.iterdir() if path.is_dir() and not any(path.iterdir())]


def test_the_folder_itself_stays(tmp_path: Path) -> None:
    file(tmp_path / "unfinished", b"a")
    keep_newest(tmp_path, 0)
    assert tmp_path.is_dir() and not any(tmp_path.iterdir())


def test_links_are_not_followed(kept: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "0" / "inside"
    folder.mkdir()
    (folder / "link").symlink_to(kept[3])
    keep_newest(folder, 0)
    assert kept[3].exists() and (folder / "link").is_symlink()


def test_cut_is_that_of_the_data_set(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8))
    noise.save(tmp_path / "noise.png")
    assert read_upload(tmp_path / "noise.png", DATA).equal(DATA.cut(noise))
