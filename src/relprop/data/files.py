"""Read folders of images, one folder per class."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image
from rich.console import Console
from rich.progress import track

from relprop.errors import UserError

Item = TypeVar("Item")


class UnreadableImageError(UserError):
    """An image file that cannot be decoded.

    torch raises an exception of a worker process again in the main process, built from its type and the
    worker's whole traceback as text. The last line of that is the message; it alone is kept.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message.strip().rpartition(f"{type(self).__name__}: ")[2])


def read_rgb(path: Path) -> Image.Image:
    """The decoded image in RGB. Raises `UnreadableImageError` that names the file."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadableImageError(
            f"{path} cannot be decoded as an image ({type(error).__name__}); replace the file or delete it."
        ) from error


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
    """Iterate under a progress bar on standard error, since standard output is for results."""
    return track(items, description, console=Console(stderr=True))
