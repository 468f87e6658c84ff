"""Explain and score every test batch."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from relprop.data import Batch, ImageDataModule
from relprop.explainers import Explainer, reduce_channels
from relprop.metrics import HeatmapMetric


class Explain(L.Callback):
    """Heatmaps and scores of all test images.

    `explainer` gives attributions of the test images of `data`, `reduction` makes heatmaps of them, `metric` scores
    these. `target` is the class that is explained and scored: "predicted" or "label". `labels` (method, options) go
    into every row. `keep` images, evenly spread over the test, stay with their heatmaps in `images` and `heatmaps`;
    `shown` says which rows they are.
    """

    def __init__(
        self,
        explainer: Explainer,
        metric: HeatmapMetric,
        data: ImageDataModule,
        reduction: str,
        target: str,
        labels: dict[str, Any],
        keep: int,
    ) -> None:
        self.explainer, self.metric, self.data = explainer, metric, data
        self.reduction, self.target, self.labels, self.keep = reduction, target, labels, keep
        self.shown: list[int] = []
        self._facts: list[dict[str, Any]] = []
        self._images: list[Tensor] = []
        self._heatmaps: list[Tensor] = []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Per image: labels, index in the test split, true and predicted class, probability of the target, scores."""
        return [{**facts, **scores} for facts, scores in zip(self._facts, self.metric.rows, strict=True)]

    @property
    def images(self) -> Tensor:
        """The images to show (N, 3, H, W), in [0, 1], on the CPU."""
        return torch.stack(self._images)

    @property
    def heatmaps(self) -> Tensor:
        """Their heatmaps (N, H, W), on the CPU."""
        return torch.stack(self._heatmaps)

    def classes(self, logits: Tensor, batch: Batch) -> Tensor:
        """The classes (N,) to explain in a batch with these logits (N, classes)."""
        return logits.float().softmax(1).argmax(1) if self.target == "predicted" else batch.labels

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start anew."""
        self.metric.to(pl_module.device)
        self.metric.reset()
        self._facts, self._images, self._heatmaps = [], [], []
        total = self.data.test_size
        self.shown = torch.linspace(0, total - 1, min(self.keep, total)).long().tolist()

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Explain and score one batch, whose logits (N, classes) the test step has given as `outputs`."""
        probabilities = outputs.float().softmax(1)
        target = self.classes(outputs, batch)
        heatmaps = reduce_channels(self.explainer(batch.images, target), self.reduction)
        self.metric.update(batch.images, heatmaps, target)
        places = [i - len(self._facts) for i in self.shown if 0 <= i - len(self._facts) < len(heatmaps)]
        self._images.extend(self.data.denormalize(batch.images[places]).cpu())
        self._heatmaps.extend(heatmaps[places].float().cpu())
        columns = {
            "index": batch.indices,
            "label": batch.labels,
            "predicted": probabilities.argmax(1),
            "probability": probabilities.gather(1, target.unsqueeze(1)).squeeze(1),
        }
        for values in zip(*(column.tolist() for column in columns.values()), strict=True):
            self._facts.append({**self.labels, **dict(zip(columns, values, strict=True))})
