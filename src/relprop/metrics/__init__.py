"""Metrics of heatmaps of any explanation method. Use torch, torchmetrics, scipy and OpenCV only."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from relprop.metrics.base import HeatmapMetric
from relprop.metrics.complexity import Complexity
from relprop.metrics.conservation import Conservation
from relprop.metrics.insertion_deletion import InsertionDeletion
from relprop.metrics.localization import Localization
from relprop.metrics.perturbation import PROTOCOLS, Protocol
from relprop.metrics.pixel_flipping import PixelFlipping
from relprop.metrics.randomization import Randomization
from relprop.metrics.stability import Stability
from relprop.registry import create

__all__ = [
    "METRICS",
    "PROTOCOLS",
    "Complexity",
    "Conservation",
    "HeatmapMetric",
    "InsertionDeletion",
    "Localization",
    "PixelFlipping",
    "Protocol",
    "Randomization",
    "Stability",
    "get_metric",
]

METRICS: Mapping[str, type[HeatmapMetric]] = MappingProxyType(
    {
        "insertion_deletion": InsertionDeletion,
        "pixel_flipping": PixelFlipping,
        "conservation": Conservation,
        "localization": Localization,
        "randomization": Randomization,
        "complexity": Complexity,
        "stability": Stability,
    }
)


def get_metric(name: str, model: nn.Module, **options: Any) -> HeatmapMetric:
    """The metric `name` for `model`; the options are those of its class, `mean` and `std` of the images among them.

    Raises `UserError`, a `ValueError`, for a name, an option or a value that it does not know.
    """
    return create("metric", name, METRICS, model, **options)
