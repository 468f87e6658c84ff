"""Read folders of images, one folder per class."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from PIL import Image
from rich.console import Console
from rich.progress import track

from relprop.errors import UserError
from relprop.processes import first

Item = TypeVar("Item")


class UnreadableImageError(UserError):
    """An image file that cannot be decoded.

    torch raises an exception of a worker process again in the main process, built from its type and the
    worker's whole traceback as text. The last line of that is the message; it alone is kept.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.strip().rpartition(f"{type(self).__name__}: ")[2])


@contextmanager
def decoding(path: Path, remedy: str) -> Iterator[None]:
    """While an image file is opened and decoded: Pillow's warnings are silenced, and whatever it raises names the file.

    Raises `UnreadableImageError`, which ends with the `remedy`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnreadableImageError:
        raise
    except PermissionError as error:
        raise UnreadableImageError(f"{path} may not be read (permission denied); change its permissions.") from error
    except Exception as error:  # damaged files make decoders raise struct.error, EOFError, IndexError and more
        raise UnreadableImageError(
            f"{path} cannot be decoded as an image ({type(error).__name__}); {remedy}."
        ) from error


def read_rgb(path: Path, remedy: str = "replace the file or delete it") -> Image.Image:
    """The decoded image in RGB, as published pipelines read data sets: its EXIF orientation is ignored.

    Raises `UnreadableImageError` that names the file and the `remedy`.
    """
    with decoding(path, remedy), Image.open(path) as image:
        return image.convert("RGB")


def class_files(folder: Path) -> list[str]:
    """Sorted names of the files in a class's folder, hidden ones left out; the rest must be images.

    Raises `UserError` if the folder is missing or empty.
    """
    names = visible(folder) if folder.is_dir() else []
    if not names:
        what = "is empty" if folder.is_dir() else "is missing"
        raise UserError(f"The class folder {folder} {what}; put the images of the class there.")
    return names


def visible(folder: Path) -> list[str]:
    """Sorted names of everything in `folder` that does not start with a dot."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def with_progress(items: Sequence[Item], description: str) -> Iterable[Item]:
    """Iterate under a progress bar of the first process, on standard error, since standard output is for results."""
    return track(items, description, console=Console(stderr=True), disable=not first())
