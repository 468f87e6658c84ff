"""What every metric of heatmaps is."""

from abc import abstractmethod
from collections.abc import Mapping
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from relprop.errors import UserError
from relprop.metrics.checks import check_batch

_NUMBERS = count()


class HeatmapMetric(Metric):
    """Scores heatmaps, whatever method they come from: a subclass, its name in `METRICS`, and a yaml in conf/metric.

    A subclass says what it measures of one batch, in `measure`; keeping, averaging and gathering over processes is done
    here. `scores` names the numbers that `compute()` averages over all images, `better` whether "higher" or "lower"
    values of each are better, `columns` what else `measure` gives per image.

    - `model`: gives logits (N, classes).
    - `resize`: heatmaps of another size than the images are resized (bilinear); they are refused otherwise.
    """

    full_state_update = False

    def __init__(self, model: nn.Module, better: Mapping[str, str], *columns: str, resize: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self._model = (model,)  # in a tuple, so that it is no submodule: neither moved nor saved with the states
        self._states = f"metric{next(_NUMBERS)}_"  # torchmetrics takes metrics with equal states for the same
        self.better, self.scores, self.columns, self.resize = better, tuple(better), columns, resize
        for name in self._names:
            self.add_state(f"{self._states}{name}", default=[], dist_reduce_fx="cat")

    @property
    def _names(self) -> tuple[str, ...]:
        return ("target", *self.scores, *self.columns)

    def per_image(self, name: str) -> Tensor:
        """A score or column of all images so far, (N,) or (N, values), or "target"; empty before the first."""
        values: list[Tensor] | Tensor = getattr(self, f"{self._states}{name}")
        return dim_zero_cat(values) if len(values) else torch.empty(0)

    @property
    def model(self) -> nn.Module:
        """The classifier, the caller's own."""
        return self._model[0]

    @abstractmethod
    def measure(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None) -> Mapping[str, Tensor]:
        """All scores, (N,) each, and columns, (N,) or (N, values), of a batch that has been checked."""

    def update(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None = None) -> None:
        """Score `heatmaps` (N, H, W) of normalised `images` (N, C, H, W) for the classes `target` (N,).

        `boxes`: of the objects, (N, 4) as left, top, right, bottom in pixels of the images; only localization asks for
        them.
        """
        heatmaps = self.resized(heatmaps, images)
        check_batch(images, heatmaps, target, boxes)
        with torch.no_grad():
            measured = self.measure(images, heatmaps, target, boxes)
        for name, values in {"target": target, **measured}.items():
            getattr(self, f"{self._states}{name}").append(values.detach())

    def resized(self, heatmaps: Tensor, images: Tensor) -> Tensor:
        """`heatmaps` (N, h, w) in the size of `images` if the metric resizes, else as they are."""
        fits = heatmaps.dim() != 3 or images.dim() != 4 or heatmaps.shape[1:] == images.shape[2:]
        if fits or not self.resize:
            return heatmaps
        wide = heatmaps if heatmaps.dtype == torch.float64 else heatmaps.float()
        size = (images.shape[2], images.shape[3])
        return F.interpolate(wide.unsqueeze(1), size, mode="bilinear", antialias=True).squeeze(1)

    def compute(self) -> dict[str, float]:
        """Means over all images so far, by name."""
        if not len(self.per_image("target")):
            raise UserError("no images have been scored: call update(images, heatmaps, target) first")
        return {name: self.per_image(name).double().mean().item() for name in self.scores}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict per image of this process, in the order of updates: what all share, target, scores and columns."""
        if not len(self.per_image("target")):
            return []
        shared, values = self.shared, [self.per_image(name).tolist() for name in self._names]
        return [{**shared, **dict(zip(self._names, row, strict=True))} for row in zip(*values, strict=True)]

    @property
    def shared(self) -> dict[str, Any]:
        """What is the same in every row, such as the protocol."""
        return {}

    @property
    def description(self) -> dict[str, Any]:
        """What must be said beside the numbers: protocol and its choices."""
        return {}
