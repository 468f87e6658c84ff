"""Write and log what `Explain` has found."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning as L
import torch
from matplotlib.figure import Figure

from relprop.callbacks.audit import AuditBatch
from relprop.callbacks.explain import Explain
from relprop.callbacks.loggers import log_figure, log_summary, log_table
from relprop.results import device_name, summarize
from relprop.resuming import SUMMARY, write_json
from relprop.rows import Row, RowFile
from relprop.visualization import (
    conservation_scatter,
    contact_sheet,
    flips_per_step,
    perturbation_curves,
    perturbed_sheet,
    save_figure,
)

log = logging.getLogger(__name__)

FACTS = ("index", "label", "predicted", "probability")

# Pictures by the column that rows must have for them.
PICTURES: Mapping[str, tuple[str, Callable[[Sequence[Row], str], Figure]]] = MappingProxyType(
    {
        "curves": ("fractions", perturbation_curves),
        "flips": ("fractions", flips_per_step),
        "conservation": ("relative_error", conservation_scatter),
    }
)


class Report(L.Callback):
    """After the test: `heatmaps.png`, what else there is to draw and, when all is done, `summary.json` in `folder`.

    They say what the rows say, whichever session of the run has written these, and go to all loggers as well. `title`
    stands over the pictures; `choices` (metric, post-processing), `origin` (commit, versions) and what `audit` has
    found go into the summary. Must come after `explain` and `audit` in the trainer's list of callbacks. Unless it
    `draws` there are no pictures.
    """

    def __init__(
        self,
        explain: Explain,
        rows: RowFile,
        folder: Path,
        title: str,
        seed: int,
        choices: dict[str, Any],
        origin: dict[str, Any],
        audit: AuditBatch | None = None,
        draws: bool = True,
    ) -> None:
        self.explain, self.rows, self.folder, self.title, self.seed = explain, rows, folder, title, seed
        self.choices, self.origin, self.audit, self.draws = choices, origin, audit, draws
        self.summary: dict[str, Any] = {}
        self._began = 0.0

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write files and log."""
        rows = self.rows.read()
        scores = self.explain.metric.scores
        figures = self._figures(rows) if self.draws else {}
        self.summary = self._summarize(rows, device_name(pl_module.device))
        for name, figure in figures.items():
            save_figure(figure, self.folder / f"{name}.png")
        columns = (*FACTS, *scores)
        for logger in trainer.loggers:
            for name, figure in figures.items():
                log_figure(logger, name, figure)
            log_table(logger, "scores", columns, [[row[column] for column in columns] for row in rows])
            means = {name: self.summary[name]["mean"] for name in scores}
            log_summary(logger, {name: mean for name, mean in means.items() if mean is not None})
        if self.rows.rows_done == self.rows.total:
            write_json(self.summary, self.folder / SUMMARY)  # last, since it says that the run is finished
        else:  # the trainer has been told to stop early
            log.warning("%d of %d images are scored: no %s", self.rows.rows_done, self.rows.total, SUMMARY)

    def _summarize(self, rows: Sequence[Row], device: str) -> dict[str, Any]:
        metric = self.explain.metric
        return {
            **self.explain.labels,
            **metric.description,
            "target": self.explain.target,
            **self.choices,
            "n": len(rows),
            **summarize(rows, metric.better, self.seed),
            "better": dict(metric.better),
            "accuracy": sum(row["label"] == row["predicted"] for row in rows) / len(rows),
            **_how_run(rows),
            **(self.audit.summary if self.audit else {}),
            "resumed_rows": self.rows.resumed,
            "wall_time_seconds": time.perf_counter() - self._began,
            "seed": self.seed,
            "device": device,
            **self.origin,
        }

    def _figures(self, rows: Sequence[Row]) -> dict[str, Figure]:
        drawn = {name: draw for name, (column, draw) in PICTURES.items() if column in rows[0]}
        return {**self._sheets(rows), **{name: draw(rows, self.title) for name, draw in drawn.items()}}

    def _sheets(self, rows: Sequence[Row]) -> dict[str, Figure]:
        """Images with their heatmaps and, if the metric flips pixels, what that makes of them."""
        pictures = self.explain.pictures
        shown = [rows[picture.position] for picture in pictures]
        names = self.explain.data.class_names
        captions = [f"{names[r['label']]} → {names[r['predicted']]} {r['probability']:.2f}" for r in shown]
        correct = [row["label"] == row["predicted"] for row in shown]
        images = torch.stack([picture.image for picture in pictures])
        heatmaps = torch.stack([picture.heatmap for picture in pictures])
        sheets = {"heatmaps": contact_sheet(images, heatmaps, captions, self.title, correct, max_images=len(shown))}
        if pictures[0].states:
            states = {name: torch.stack([picture.states[name] for picture in pictures]) for name in pictures[0].states}
            shares = sorted(100 * picture.share for picture in pictures)
            low, high = f"{shares[0]:.0f}", f"{shares[-1]:.0f}"
            point = f"after {low if low == high else f'{low} to {high}'} % of the patches"
            sheets["perturbed"] = perturbed_sheet(images, states, heatmaps, captions, self.title, point, len(shown))
        return sheets


def _how_run(rows: Sequence[Row]) -> dict[str, Any]:
    """In what forms the metric ran the network, on how many images, and how many were asked for; as far as rows say.

    The metric itself knows of this session and process only.
    """
    form: dict[str, Any] = {key: rows[0][key] for key in ("classifier", "stages") if key in rows[0]}
    if not {"requested", "forwards"} <= rows[0].keys():
        return form
    counts = {name: sum(row[key] for row in rows) for name, key in (("requested", "requested"), ("run", "forwards"))}
    return {**form, "forwards": counts}
