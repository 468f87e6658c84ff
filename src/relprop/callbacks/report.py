"""Write and log what `Explain` has found."""

import time
from pathlib import Path
from typing import Any

import lightning as L
from matplotlib.figure import Figure

from relprop.callbacks.audit import AuditBatch
from relprop.callbacks.explain import Explain
from relprop.callbacks.loggers import log_figure, log_summary, log_table
from relprop.metrics import InsertionDeletion
from relprop.results import device_name, summarize, write_rows, write_summary
from relprop.visualization import contact_sheet, insertion_deletion_curves, save_figure

FACTS = ("index", "label", "predicted", "probability")


class Report(L.Callback):
    """After the test: `results.jsonl`, `summary.json`, `heatmaps.png` and `curves.png` in `folder`, and to all loggers.

    `title` stands over the pictures; `origin` (commit, versions) and what `audit` has found go into the summary. Must
    come after `explain` and `audit` in the trainer's list of callbacks.
    """

    def __init__(
        self,
        explain: Explain,
        folder: Path,
        title: str,
        seed: int,
        origin: dict[str, Any],
        audit: AuditBatch | None = None,
    ) -> None:
        self.explain, self.folder, self.title, self.seed, self.origin = explain, folder, title, seed, origin
        self.audit = audit
        self.summary: dict[str, Any] = {}
        self._began = 0.0

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the time."""
        self._began = time.perf_counter()

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write files and log."""
        rows = self.explain.rows
        metric = self.explain.metric
        self.summary = {
            **self.explain.labels,
            **metric.description,
            "target": self.explain.target,
            "reduction": self.explain.reduction,
            "n": len(rows),
            **summarize(rows, metric.scores, self.seed),
            "accuracy": sum(row["label"] == row["predicted"] for row in rows) / len(rows),
            **(self.audit.summary if self.audit else {}),
            "wall_time_seconds": time.perf_counter() - self._began,
            "seed": self.seed,
            "device": device_name(pl_module.device),
            **self.origin,
        }
        write_rows(rows, self.folder / "results.jsonl")
        write_summary(self.summary, self.folder / "summary.json")
        figures = {"heatmaps": self._contact_sheet(rows)}
        if isinstance(metric, InsertionDeletion):
            figures["curves"] = insertion_deletion_curves(rows, self.title)
        for name, figure in figures.items():
            save_figure(figure, self.folder / f"{name}.png")
        columns = (*FACTS, *metric.scores)
        for logger in trainer.loggers:
            for name, figure in figures.items():
                log_figure(logger, name, figure)
            log_table(logger, "scores", columns, [[row[column] for column in columns] for row in rows])
            log_summary(logger, {name: self.summary[name]["mean"] for name in metric.scores})

    def _contact_sheet(self, rows: list[dict[str, Any]]) -> Figure:
        shown = [rows[i] for i in self.explain.shown]
        names = self.explain.data.class_names
        captions = [f"{names[r['label']]} → {names[r['predicted']]} {r['probability']:.2f}" for r in shown]
        correct = [row["label"] == row["predicted"] for row in shown]
        pictures = (self.explain.images, self.explain.heatmaps)
        return contact_sheet(*pictures, captions, self.title, correct, max_images=len(shown))
