"""What is no photograph that can be read, and is refused by name."""

import re
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from relprop.data.files import UnreadableImageError
from relprop.data.opening import read_photo
from relprop.errors import UserError

PHOTO = Image.fromarray(skimage.data.chelsea()[20:180, 100:340])
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([[0, 70000]], dtype=np.int32), "grey values from 0 to 7e+04 (int32); they may go from 0 to 65535"),
        (np.array([[-1, 5]], dtype=np.int32), "grey values from -1 to 5"),
        (np.array([[0, 255]], dtype=np.float32), "grey values from 0 to 255 (float32); they may go from 0 to 1."),
        (np.array([[0, np.nan]], dtype=np.float32), "grey values from nan to nan"),
    ],
)
def test_grey_values_without_a_known_white_are_refused(tmp_path: Path, values: NDArray[Any], words: str) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImageError, match=re.escape(words)):
        read_photo(tmp_path / "a.tif")


def png_of(width: int, height: int) -> bytes:
    """The header of a greyscale PNG of this size, and nothing else."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    empty = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + chunk + empty


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((60000, 60000), "pixels; images may have up to 100,000,000"),
        ((12000, 9000), "has 12000 × 9000 pixels; images may have up to 100,000,000"),
        ((50001, 500), "has 50001 × 500 pixels; the longer side may be up to 100 times the shorter"),
    ],
)
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int], words: str) -> None:
    (tmp_path / "a.png").write_bytes(png_of(*size))
    with pytest.raises(UnreadableImageError, match=re.escape(words)) as caught:
        read_photo(tmp_path / "a.png")
    assert str(tmp_path / "a.png") in str(caught.value)


def test_a_caller_may_allow_fewer_pixels(tmp_path: Path) -> None:
    PHOTO.save(tmp_path / "a.png")  # 240 × 160
    assert read_photo(tmp_path / "a.png", 38_400).size == (240, 160)
    with pytest.raises(UnreadableImageError, match="has 240 × 160 pixels; images may have up to 38,399. Make it small"):
        read_photo(tmp_path / "a.png", 38_399)
    (tmp_path / "b.png").write_bytes(png_of(60000, 60000))
    with pytest.raises(UnreadableImageError, match="has too many pixels; images may have up to 1,000"):
        read_photo(tmp_path / "b.png", 1000)


def test_a_file_too_large_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.bmp").open("wb") as file:
        file.truncate(2**30 + 1)  # sparse: takes no room
    with pytest.raises(UnreadableImageError, match=re.escape("a.bmp has 1,024 MiB; images may have up to 1,024 MiB")):
        read_photo(tmp_path / "a.bmp")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (
            b"not an image",
            "cannot be decoded as an image (UnidentifiedImageError); if it is whole, save it as JPEG or PNG.",
        ),
        (EPS, "cannot be decoded as an image (UnidentifiedImageError)"),  # never handed to Ghostscript
        (b"\x89HDF\r\n\x1a\n" + bytes(500), "cannot be decoded as an image (UnidentifiedImageError)"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.jpg {re.escape(words)}"):
        read_photo(tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.webp", "a.tif", "a.bmp", "a.jp2"])
def test_every_truncated_file_is_refused_and_a_damaged_one_read_or_refused(tmp_path: Path, name: str) -> None:
    path, random = tmp_path / name, np.random.default_rng(0)
    PHOTO.save(path)
    whole = path.read_bytes()
    for share in (0.01, 0.1, 0.5, 0.8):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UnreadableImageError, match=re.escape(str(path))):
            read_photo(path)
    for _ in range(20):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[random.integers(0, min(400, len(damaged)), 5)] = random.integers(0, 256, 5)
        path.write_bytes(damaged.tobytes())
        try:
            assert read_photo(path).mode == "RGB"
        except UnreadableImageError:
            continue


def test_no_warning_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of large images, of damaged EXIF and of palettes; all of them are errors where the tests run."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", PHOTO.width * PHOTO.height - 1)
    PHOTO.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\x02\0\x12\x01\x03\0\x01\0\0\0\x06\0")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_photo(tmp_path / "a.jpg")
    assert not caught


def test_paths_that_lead_to_no_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"is a folder, not an image; name the images in it, as .*/\*\.jpg"):
        read_photo(tmp_path)
    with pytest.raises(UserError, match=r"There is no image .*missing\.jpg"):
        read_photo(tmp_path / "missing.jpg")
    with pytest.raises(UserError, match="/dev/null is no regular file"):
        read_photo(Path("/dev/null"))
    with pytest.raises(UserError, match=r"cannot be decoded|There is no image"):
        read_photo(tmp_path / ("a" * 300))
    PHOTO.save(tmp_path / "secret.png")
    monkeypatch.setattr(Image, "open", forbid)  # chmod forbids root nothing
    with pytest.raises(UserError, match=r"secret\.png may not be read \(permission denied\)"):
        read_photo(tmp_path / "secret.png")


def forbid(*_: Any, **__: Any) -> None:
    raise PermissionError(13, "Permission denied")
