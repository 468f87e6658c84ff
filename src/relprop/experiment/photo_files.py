"""What is written about each explained photograph."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from safetensors.torch import save_file
from torch import Tensor

from relprop.loggers import LOGGERS
from relprop.visualization import (
    colourize,
    contact_sheet,
    is_signed,
    method_panel,
    overlay,
    save_figure,
    save_picture,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Explained:
    """A photograph as the network saw it (3, S, S) in [0, 1], the explained class, and heatmaps (S, S) by method.

    `probability` is that of the explained class; `top` are the most probable classes with theirs, in order.
    """

    path: Path
    image: Tensor
    target: int
    probability: float
    top: Sequence[tuple[int, float]]
    heatmaps: Mapping[str, Tensor]


class PhotoFiles:
    """A folder of its own for every photograph, `folder`/NAME, beside those of the loggers, with, for every method,

    - METHOD.png: image, heatmap and overlay side by side with the colour scale;
    - METHOD_map.png and METHOD_overlay.png: these alone, pixel by pixel;
    - METHOD.safetensors: the heatmap (S, S), float32, with what it is of;

    and, of several methods, panel.png, which shows them side by side on one colour scale. `rows` says of every
    photograph what was found. `methods`: how each was called, by its name; `network` stands in titles.
    """

    def __init__(self, folder: Path, methods: Mapping[str, str], network: str, class_names: Sequence[str]) -> None:
        self.folder, self.methods, self.network, self.class_names = folder, methods, network, class_names
        self.rows: list[dict[str, Any]] = []

    def write(self, photo: Explained) -> dict[str, Figure]:
        """Write one, and give its figures by the names under which they are logged.

        A heatmap that is not finite is left out and named.
        """
        folder = self._folder_for(photo.path)
        folder.mkdir(parents=True, exist_ok=True)
        for earlier in (*folder.glob("*.png"), *folder.glob("*.safetensors")):  # another run's, perhaps of more methods
            earlier.unlink()
        finite = {name: heatmap for name, heatmap in photo.heatmaps.items() if bool(heatmap.isfinite().all())}
        broken = [name for name in photo.heatmaps if name not in finite]
        for name in broken:
            log.warning("%s: method=%s gave NaN or infinite values; no picture of it", photo.path, name)
        self.rows.append({**self._facts(photo), "folder": folder.name, "not_finite": broken})
        for name, heatmap in finite.items():
            self._write_method(photo, name, heatmap, folder)
        figures = self._figures(photo, finite)
        for name, figure in figures.items():
            save_figure(figure, folder / f"{name}.png")
        return {f"{folder.name}/{name}": figure for name, figure in figures.items()}

    def _figures(self, photo: Explained, heatmaps: Mapping[str, Tensor]) -> dict[str, Figure]:
        caption = self._caption(photo)
        figures = {
            name: contact_sheet(photo.image[None], heatmap[None], [caption], f"{self.methods[name]}, {self.network}")
            for name, heatmap in heatmaps.items()
        }
        if len(self.methods) > 1 and heatmaps:
            top = [(self.class_names[index], probability) for index, probability in photo.top]
            title = f"{photo.path.name}: {caption}, {self.network}"
            figures["panel"] = method_panel(photo.image, heatmaps, title, top)
        return figures

    def _write_method(self, photo: Explained, name: str, heatmap: Tensor, folder: Path) -> None:
        maps = heatmap[None]
        signed = is_signed(maps)
        save_picture(colourize(maps, signed)[0], folder / f"{name}_map.png")
        save_picture(overlay(photo.image[None], maps, signed)[0], folder / f"{name}_overlay.png")
        facts = {key: str(value) for key, value in self._facts(photo).items() if key != "top"}
        about = {"method": self.methods[name], "network": self.network, **facts}
        save_file({"heatmap": heatmap.contiguous()}, folder / f"{name}.safetensors", about)

    def _facts(self, photo: Explained) -> dict[str, Any]:
        top = [{"class": self.class_names[index], "index": index, "probability": value} for index, value in photo.top]
        return {
            "file": str(photo.path),
            "target": self.class_names[photo.target],
            "target_index": photo.target,
            "probability": photo.probability,
            "top": top,
        }

    def _caption(self, photo: Explained) -> str:
        return f"{self.class_names[photo.target]} {photo.probability:.2f}"

    def _folder_for(self, path: Path) -> Path:
        """By the file's name without its ending; a second one of the same name gets a number."""
        taken = {*LOGGERS, *(row["folder"] for row in self.rows)}
        names = (path.stem if number == 1 else f"{path.stem}-{number}" for number in range(1, len(taken) + 2))
        return self.folder / next(name for name in names if name not in taken)
