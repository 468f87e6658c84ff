"""What can be taken away: the picture, the maps, and the command that makes them again."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor
from torchvision.transforms.v2.functional import to_pil_image

from relprop.data.classes import class_index
from relprop.errors import UserError
from relprop.experiment.photo_files import Explained, PhotoFiles
from relprop.sentences import hydra_word

INPUT = "input.png"


@dataclass(frozen=True)
class Downloads:
    """Files of one explanation, and one line for a POSIX shell.

    `input` has the pixels that the network saw; `picture` shows the maps, of several methods side by side; `maps` are
    they as safetensors, in the methods' order; `command` makes `picture` and `maps` of `input` once more.
    """

    input: Path
    picture: Path
    maps: tuple[Path, ...]
    command: str


def write_downloads(
    folder: Path,
    explained: Explained,
    said: Mapping[str, str],
    network: str,
    class_names: Sequence[str],
    words: Sequence[str],
) -> Downloads:
    """Write what `visualize.py` writes about a photograph into `folder`, which is made, and the pixels as input.png.

    - `explained`: its image (3, S, S) is made of 8-bit values k as k / 255; its path, which titles show, is not used.
    - `said`: how each method was called, by its name; `network`: what titles call the network.
    - `words`: those of `visualize.py` that name the network and the methods, as Hydra reads them (`hydra_word`).

    Raises `UserError` if no map is finite; one that is not is left out and named in the log, as `visualize.py` does.
    Raises `ValueError` for an image that no file of 8 bits can hold.
    """
    finite = [name for name, heatmap in explained.heatmaps.items() if bool(heatmap.isfinite().all())]
    if not finite:
        raise UserError(f"{', '.join(explained.heatmaps)} gave NaN or infinite values; choose another method")
    pixels, saved = _pixels(explained.image), folder / INPUT
    folder.mkdir(parents=True, exist_ok=True)
    to_pil_image(pixels).save(saved)
    files = PhotoFiles(folder, said, network, class_names)
    files.write(replace(explained, path=saved))
    written = folder / files.rows[0]["folder"]
    name = "panel" if len(said) > 1 else finite[0]
    maps = tuple(written / f"{method}.safetensors" for method in finite)
    about = (hydra_word("image", str(saved)), "cut=none", _target(explained.target, class_names))
    command = shlex.join(["python", "scripts/visualize.py", *words, *about])
    return Downloads(saved, written / f"{name}.png", maps, command)


def _pixels(image: Tensor) -> Tensor:
    """The 8-bit values of which the image is made."""
    pixels = image.mul(255).round().byte()
    if not bool((pixels.float() / 255 == image).all()):
        raise ValueError("the image must be made of 8-bit values k as k / 255, else no file would hold it as it is")
    return pixels


def _target(index: int, class_names: Sequence[str]) -> str:
    """By index, or by name where another class has the index for its name."""
    by_index = class_index(index, class_names) == index
    return f"target={index}" if by_index else hydra_word("target", class_names[index])
