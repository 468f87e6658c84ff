"""Photographs from strangers: small enough, whole, and read by nothing but Pillow's decoders of photographs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from relprop.data import ImageDataModule
from relprop.data.files import UnreadableImageError
from relprop.data.opening import read_photo

UPLOADS = "uploads"  # the folder of a run for what visitors send
MOST_MEGABYTES = 20
MOST_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP")
"""What browsers show. Pillow can do many more, some of them seldom used and seldom looked after."""

KEPT_FILES, KEPT_MEGABYTES = 200, 500
"""How much of all visitors is kept of what they sent; the oldest goes first."""


def read_upload(path: Path, data: ImageDataModule) -> Tensor:
    """What the network sees of a photograph, uint8 (3, S, S).

    Raises `UserError`, which does not tell where the file lies, for what is larger than `MOST_MEGABYTES` or
    `MOST_PIXELS`, and for what is damaged or in none of `FORMATS`.
    """
    if path.is_file() and path.stat().st_size > MOST_MEGABYTES * 10**6:
        raise UnreadableImageError(f"the file is larger than {MOST_MEGABYTES} MB; make the photograph smaller")
    try:
        photo = read_photo(path, MOST_PIXELS, FORMATS)
    except UnreadableImageError as error:
        raise UnreadableImageError(str(error).replace(str(path), "the photograph")) from None
    return torch.as_tensor(data.cut(photo))


def keep_newest(folder: Path, files: int = KEPT_FILES, megabytes: float = KEPT_MEGABYTES) -> None:
    """Remove the oldest files below `folder` until no more than so many are left, with no more than so many megabytes.

    Folders that are empty then go with them. What others remove at the same time is no trouble.
    """
    newest = sorted(_files(folder), reverse=True)
    total = 0
    for number, (_, size, path) in enumerate(newest, start=1):
        total += size
        if number > files or total > megabytes * 10**6:
            with suppress(OSError):
                path.unlink()
                if path.parent != folder:
                    path.parent.rmdir()


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """When each was written, its size, and its path."""
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink():
                yield path.stat().st_mtime, path.stat().st_size, path
