"""Pictures of explained photographs sorted by method, small enough to be kept beside the code."""

import json
from pathlib import Path

from omegaconf import DictConfig
from PIL import Image

from relprop.errors import UserError
from relprop.resuming import SUMMARY, write_json

MANIFEST = "manifest.json"
QUALITY = 85  # of the JPEG files: a fifth of the PNG's bytes, and the type still sharp


def gallery(config: DictConfig) -> None:
    """Copy the pictures of the run `config.run` of photographs to `config.folder`.

    METHOD/PHOTO.jpg shows image, heatmap, overlay and scale, panels/PHOTO.jpg all methods side by side, and
    manifest.json says what the run was. Raises `UserError` if the folder is no such run.
    """
    if config.run is None:
        raise UserError("give run=FOLDER, that of a run of visualize.py image=…")
    run, folder = Path(config.run), Path(config.folder)
    if not (run / SUMMARY).is_file():
        raise UserError(f"run={run} holds no finished run; give the folder of one of visualize.py image=…")
    summary = json.loads((run / SUMMARY).read_text(encoding="utf-8"))
    if "photos" not in summary:
        raise UserError(f"run={run} is a run over test images; give the folder of one of visualize.py image=…")
    for photo in summary["photos"]:
        for method in summary["methods"]:
            _copy(run / photo["folder"] / f"{method}.png", folder / method / f"{photo['folder']}.jpg")
        _copy(run / photo["folder"] / "panel.png", folder / "panels" / f"{photo['folder']}.jpg")
        photo["file"] = Path(photo["file"]).name
    write_json(summary, folder / MANIFEST)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():  # a single method has no panel, a heatmap with NaN no picture
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source) as picture:
            picture.convert("RGB").save(target, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
