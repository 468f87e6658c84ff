"""Photographs that a user names: found by path, folder or glob, and read as they are meant to be seen."""

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from relprop.data.files import UnreadableImageError, decoding, visible
from relprop.errors import UserError

MOST_PIXELS = 100_000_000
"""Larger photographs are refused before they are decoded; the largest cameras make about so many pixels."""

MOST_BYTES = 2**30
"""Larger files are refused unopened: what `MOST_PIXELS` take uncompressed, three times 16 bits each, is less."""

MOST_STRETCHED = 100
"""Photographs with a longer side of more than this many shorter ones are refused: at 256 pixels for the shorter side
they would fill all memory."""

# Not photographs: Pillow runs other programs for some of these, and only names the others.
_NOT_PHOTOS = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
_PHOTOMETRIC = 262  # TIFF's tag: whether 0 is black or white
_ORIENTATION = 0x0112  # EXIF's tag; what brings a photograph upright, by its value
_UPRIGHT: Mapping[int, Image.Transpose] = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
_WHITE = (255, 255, 255, 255)


def find_images(pattern: str) -> list[Path]:
    """The files that `pattern` names, sorted: a file, a folder, or a glob such as photos/*.jpg or photos/**/*.png.

    What exists by that very name is taken as it is, glob characters or not, and a file whatever its ending. Of a
    folder, but not of folders in it, and of what a glob matches, files are taken whose ending is an image's; hidden
    ones are left out. `~` is the home folder. Raises `UserError` if nothing is found.
    """
    if not pattern:
        raise UserError("the path of the images is empty; give a file, a folder or a glob such as 'photos/*.jpg'")
    try:
        images = _images(pattern)
    except OSError as error:
        raise UserError(f"{pattern!r} cannot be looked up: {error.strerror}; check the path") from error
    if not images:
        raise UserError(
            f"{pattern!r} names no image file; give a file, a folder or a glob such as 'photos/*.jpg' with files that "
            "end in .jpg, .png, .webp, .tif, .bmp, .gif or another image ending that Pillow knows"
        )
    return images


def read_photo(path: Path, most_pixels: int = MOST_PIXELS, formats: Sequence[str] | None = None) -> Image.Image:
    """The photograph in 8-bit RGB, upright.

    EXIF's orientation is applied; transparency lies over white; of an animation it is the first frame; 16 bits are
    scaled to 8, and so are floats, which must lie in [0,1]. Colour profiles are ignored, as they are when networks are
    trained. The format is told from the content, whatever the ending; `formats` are those that may be, by Pillow's
    names, None for all that photographs have. Raises `UnreadableImageError`, which names the file, for what is no file,
    no image, damaged, or larger than `most_pixels`, `MOST_BYTES` or `MOST_STRETCHED` allow.
    """
    with decoding(path, "if it is whole, save it as JPEG or PNG"):
        _check_file(path)
        try:
            opened = Image.open(path, formats=[name for name in _formats() if formats is None or name in formats])
        except Image.DecompressionBombError:  # beyond Pillow's own limit, which is a higher one
            raise _too_many_pixels(path, "too many", most_pixels) from None
        with opened as image:
            _check_size(path, image.size, most_pixels)
            return _upright(_rgb(image, path), image)


def _images(pattern: str) -> list[Path]:
    literal = Path(pattern)
    path = literal if literal.exists() else _expanded(pattern)
    if path.exists() and not path.is_dir():
        return [path]
    found = [path / name for name in visible(path)] if path.is_dir() else _matching(path)
    endings = _endings()
    return [file for file in found if file.suffix.lower() in endings and file.is_file()]


def _expanded(pattern: str) -> Path:
    try:
        return Path(pattern).expanduser()
    except RuntimeError as error:
        raise UserError(f"{pattern!r}: there is no such user's home folder; give the whole path") from error


def _matching(path: Path) -> list[Path]:
    """What the glob matches. Its beginning, as far as it exists, is no pattern: a folder may be named [2020]."""
    begins = next(parent for parent in path.parents if parent.exists())
    pattern = Path(glob.escape(str(begins)), *path.parts[len(begins.parts) :])
    # Path.glob has `**` for files from Python 3.13 on only.
    return sorted({Path(name) for name in glob.glob(str(pattern), recursive=True)})  # noqa: PTH207


def _formats() -> list[str]:
    """The formats that are tried, in Pillow's order, which asks those that are surest of themselves first."""
    Image.init()
    return [name for name in Image.ID if name not in _NOT_PHOTOS]


def _endings() -> set[str]:
    formats = set(_formats())
    return {ending for ending, name in Image.registered_extensions().items() if name in formats}


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise UnreadableImageError(f"{path} is a folder, not an image; name the images in it, as {path}/*.jpg")
    if not path.exists():
        raise UnreadableImageError(f"There is no image {path}; check the path.")
    if not path.is_file():  # to open a pipe would wait for ever
        raise UnreadableImageError(f"{path} is no regular file; give an image file.")
    size = path.stat().st_size
    if size == 0:
        raise UnreadableImageError(f"{path} is empty (0 bytes); replace the file or leave it out.")
    if size > MOST_BYTES:
        given, most = size / 2**20, MOST_BYTES / 2**20
        raise UnreadableImageError(f"{path} has {given:,.0f} MiB; images may have up to {most:,.0f} MiB.")


def _check_size(path: Path, size: tuple[int, int], most_pixels: int) -> None:
    width, height = size
    if width * height > most_pixels:
        raise _too_many_pixels(path, f"{width} × {height}", most_pixels)
    if max(size) > MOST_STRETCHED * min(size):
        raise UnreadableImageError(
            f"{path} has {width} × {height} pixels; the longer side may be up to {MOST_STRETCHED} times the shorter "
            "one. Cut out the part to explain."
        )


def _too_many_pixels(path: Path, given: str, most: int) -> UnreadableImageError:
    return UnreadableImageError(f"{path} has {given} pixels; images may have up to {most:,}. Make it smaller.")


def _rgb(image: Image.Image, path: Path) -> Image.Image:
    if image.mode == "F":
        return _from_values(np.asarray(image), 1.0, path)
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.asarray(image)
        white_is_zero = isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == 0
        return _from_values(65535 - values if white_is_zero else values, 65535.0, path)  # Pillow inverts 8 bits only
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, _WHITE), layer).convert("RGB")
    return image.convert("RGB")


def _from_values(values: NDArray[np.generic], white: float, path: Path) -> Image.Image:
    """Grey values (H,W) from 0 to `white` in RGB; Pillow itself would cut everything above 255."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= white):  # so written, NaN is refused too
        raise UnreadableImageError(
            f"{path} has grey values from {low:.4g} to {high:.4g} ({values.dtype}); they may go from 0 to {white:g}. "
            "Scale them, or save the image with 8 bits."
        )
    grey = (values.astype(np.float32) * (255 / white)).round().astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _upright(photo: Image.Image, opened: Image.Image) -> Image.Image:
    """Turned as EXIF of the file says. TIFF files are turned by Pillow, which then removes the tag."""
    try:
        value: Any = opened.getexif().get(_ORIENTATION)
        method = _UPRIGHT.get(value)
    except Exception:  # of damaged EXIF anything may come; the picture is none the worse for it
        return photo
    return photo if method is None else photo.transpose(method)
