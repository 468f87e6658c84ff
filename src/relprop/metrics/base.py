"""What every metric of heatmaps is."""

from abc import abstractmethod
from typing import Any

from torch import Tensor
from torchmetrics import Metric


class HeatmapMetric(Metric):
    """Scores heatmaps, whatever method they come from: a subclass, its name in `METRICS`, and a yaml in conf/metric.

    `scores` names the numbers that `compute()` averages over all images and that every one of `rows` has.
    """

    scores: tuple[str, ...]

    @abstractmethod
    def update(self, images: Tensor, heatmaps: Tensor, target: Tensor) -> None:
        """Score `heatmaps` (N, H, W) of normalised `images` (N, C, H, W) for the classes `target` (N,)."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Means over all images so far, by name."""

    @property
    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """One dict per image, in the order of the updates."""

    @property
    @abstractmethod
    def description(self) -> dict[str, Any]:
        """What must be said beside the numbers: protocol and its choices, cost."""
