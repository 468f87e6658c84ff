"""What a click on a button makes of the shown maps: their scores, or files of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from relprop.demo.choice import Choice
from relprop.demo.downloads import Downloads, write_downloads
from relprop.demo.drawing import embedded_png
from relprop.demo.looking import View
from relprop.demo.rendering import trust_html
from relprop.demo.studio import Studio
from relprop.demo.trust import Trust, trust_curves
from relprop.experiment.building import plain
from relprop.experiment.photo_files import Explained
from relprop.visualization import figure_to_png, method_curves

DOWNLOADS = "downloads"  # the folder of a run that they are written into
SCORES = ("insertion", "deletion", "id")
Progress = Callable[[tuple[int, int]], Any]


def judged(studio: Studio, view: View, progress: Progress) -> str:
    """Insertion and deletion curves of the shown maps against random ones, by the studio's protocol."""
    opened = view.opened
    with studio.lock:
        trust = trust_curves(
            opened.network,
            view.images[0],
            view.heatmaps,
            view.target,
            mean=opened.data.mean,
            std=opened.data.std,
            protocol=plain(studio.config.protocol),
            seed=studio.config.seed,
            progress=lambda done, of: progress((done, of)),
        )
    title = f"“{view.class_name(view.target)}” in {view.picture.title}"
    drawn = [method_curves(trust.methods, trust.random, title, trust.note, stacked) for stacked in (False, True)]
    figures = [embedded_png(figure_to_png(figure)) for figure in drawn]
    return trust_html(figures, _scores(trust), [f"{name} left out: {why}" for name, why in trust.left_out.items()])


def taken_away(studio: Studio, view: View, choice: Choice) -> Downloads:
    """The picture, the maps and the command, in a new folder of this run."""
    opened = view.opened
    image = view.pixels.float() / 255
    explained = Explained(
        studio.run_dir, image, view.target, view.probabilities[view.target].item(), view.top, view.heatmaps
    )
    folder = studio.run_dir / DOWNLOADS / f"{datetime.now():%H-%M-%S-%f}"
    words = studio.sentence(opened, replace(choice, methods=tuple(view.heatmaps)))  # those that gave a map
    return write_downloads(folder, explained, view.said, opened.name, opened.data.class_names, words)


def _scores(trust: Trust) -> str:
    """The areas of all maps, in words."""
    rows = [*trust.methods.items(), *((f"random map {number}", row) for number, row in enumerate(trust.random, 1))]
    return "; ".join(f"{name}: " + ", ".join(f"{s} {row[s]:.3f}" for s in SCORES) for name, row in rows)
