"""Explain and score every test batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import torch
from torch import Tensor

from relprop.callbacks.tasks import Task, deal
from relprop.data import Batch, ImageDataModule
from relprop.errors import UserError
from relprop.metrics import HeatmapMetric
from relprop.metrics.perturbation import PerturbationMetric
from relprop.rows import Row, RowFile

SHOWN_SHARE = 0.2
"""Of its patches, flipped at most in pictures of a perturbed image unless the first step flips more.

Where all are flipped, nothing is left to see."""


@dataclass(frozen=True)
class Picture:
    """For the sheets, all on the CPU: position in the test, image (3, H, W) in [0, 1], heatmap (H, W).

    `states`: by the curve's name, the image after `share` of its patches have flipped; none if the metric flips none.
    """

    position: int
    image: Tensor
    heatmap: Tensor
    states: dict[str, Tensor]
    share: float


@dataclass(frozen=True)
class Part:
    """What a process has made of one batch; `trouble` is what a `UserError` said."""

    rows: list[Row] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    trouble: str | None = None


TARGETS = ("predicted", "label")
"""Which class of every image is explained, unless it is the same one for all."""


class Explain(L.Callback):
    """Heatmaps and scores of all test images, appended to `rows` batch by batch; nothing else grows with their number.

    `explain` gives heatmaps (N, H, W) of the test images of `data` for their classes, given the indices too; `metric`
    scores them. `target` is the class that is explained and scored: "predicted", "label", or one for all. `labels`
    (method, options) go into every row. `keep` images, evenly spread over the test, stay with their heatmaps in
    `pictures`. With several processes each takes every so manieth batch, and the first one, which alone has `rows`,
    writes what all have found.
    """

    def __init__(
        self,
        explain: Callable[[Tensor, Tensor, Tensor], Tensor],
        metric: HeatmapMetric,
        data: ImageDataModule,
        target: str | int,
        labels: dict[str, Any],
        keep: int,
        rows: RowFile | None = None,
    ) -> None:
        self.explain, self.metric, self.data = explain, metric, data
        self.target, self.labels, self.keep, self.rows = target, labels, keep, rows
        self.pictures: list[Picture] = []
        self._tasks: list[Task] = []

    def classes(self, logits: Tensor, batch: Batch) -> Tensor:
        """The classes (N,) to explain in a batch with these logits (N, classes)."""
        if isinstance(self.target, int):
            return torch.full_like(batch.labels, self.target)
        return logits.float().softmax(1).argmax(1) if self.target == "predicted" else batch.labels

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Deal out the batches without rows, and those with images to show."""
        done = trainer.strategy.broadcast(self.rows.done if self.rows else 0)
        sizes = [len(positions) for positions in self.data.test_batches()]
        shown = torch.linspace(0, sum(sizes) - 1, min(self.keep, sum(sizes))).long().tolist()
        self._tasks = deal(sizes, done, shown, trainer.world_size)[trainer.global_rank]
        self.data.serve([task.batch for task in self._tasks])
        self.pictures = []

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Score where the network is."""
        self.metric.to(pl_module.device)
        self.metric.reset()

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Explain and score one batch, whose logits (N, classes) the test step has given as `outputs`.

        What goes wrong in one process ends all, after the rows that come before are written.
        """
        part = self._run(self._tasks[batch_idx], outputs, batch)
        with _all_there():
            parts = _gather(part, trainer.world_size)
        trouble = self._write(parts, self.rows) if self.rows else None
        with _all_there():
            trouble = trainer.strategy.broadcast(trouble)
        if trouble:
            raise UserError(trouble)

    def _run(self, task: Task, logits: Tensor, batch: Batch) -> Part:
        if not task.scored and not task.shown:
            return Part()
        target = self.classes(logits, batch)
        try:
            heatmaps = self.explain(batch.images, target, batch.indices)
            rows = self._score(logits, batch, heatmaps, target) if task.scored else []
        except UserError as error:
            return Part(trouble=str(error))
        return Part(rows, self._pictures(task, batch.images, heatmaps.float()) if task.shown else [])

    def _pictures(self, task: Task, images: Tensor, heatmaps: Tensor) -> list[Picture]:
        """Those of the batch's images that are shown."""
        images, heatmaps = images[[*task.shown]], heatmaps[[*task.shown]]
        perturbed: dict[str, Tensor] = {}
        shares = [0.0] * len(images)
        if isinstance(self.metric, PerturbationMetric):
            perturbed, shares = self.metric.pictures(images, heatmaps, SHOWN_SHARE)
        states = {name: self.data.denormalize(state).cpu() for name, state in perturbed.items()}
        shown = zip(task.shown, self.data.denormalize(images).cpu(), heatmaps.cpu(), strict=True)
        return [
            Picture(task.first + place, image, heatmap, {name: state[i] for name, state in states.items()}, shares[i])
            for i, (place, image, heatmap) in enumerate(shown)
        ]

    def _score(self, logits: Tensor, batch: Batch, heatmaps: Tensor, target: Tensor) -> list[Row]:
        """Per image: labels, index in the test split, true and predicted class, probability of the target, scores."""
        self.metric.update(batch.images, heatmaps, target, batch.boxes)
        scores = self.metric.rows
        self.metric.reset()
        probabilities = logits.float().softmax(1)
        columns = {
            "index": batch.indices,
            "label": batch.labels,
            "predicted": probabilities.argmax(1),
            "probability": probabilities.gather(1, target.unsqueeze(1)).squeeze(1),
        }
        facts = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [
            {**self.labels, **dict(zip(columns, values, strict=True)), **row}
            for values, row in zip(facts, scores, strict=True)
        ]

    def _write(self, parts: list[Part], file: RowFile) -> str | None:
        """Append the rows of batches that follow each other; give what went wrong."""
        for part in parts:
            if part.trouble:
                return part.trouble
            self.pictures.extend(part.pictures)
            if part.rows:
                try:
                    file.append(part.rows)
                except UserError as error:
                    return str(error)
        return None


@contextmanager
def _all_there() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # what gloo raises for a connection that is gone
        raise UserError(
            "a process of this run has ended before the others; unless it has said why, it was killed; "
            "the same command continues the run"
        ) from error


def _gather(part: Part, processes: int) -> list[Part]:
    """The parts of all processes, in their order."""
    if processes == 1:
        return [part]
    parts: list[Part | None] = [None] * processes
    torch.distributed.all_gather_object(parts, part)
    return [part for part in parts if part is not None]
