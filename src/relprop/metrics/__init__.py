"""Faithfulness metrics for heatmaps of any explanation method. Use torch and torchmetrics only."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from relprop.metrics.base import HeatmapMetric
from relprop.metrics.insertion_deletion import InsertionDeletion
from relprop.metrics.ranking import PROTOCOLS
from relprop.registry import create

__all__ = ["METRICS", "PROTOCOLS", "HeatmapMetric", "InsertionDeletion", "get_metric"]

METRICS: Mapping[str, type[HeatmapMetric]] = MappingProxyType({"insertion_deletion": InsertionDeletion})


def get_metric(name: str, model: nn.Module, **options: Any) -> HeatmapMetric:
    """The metric `name` for `model`; the options are those of its class, `mean` and `std` of the images among them.

    Raises `UserError`, a `ValueError`, for a name, an option or a value that it does not know.
    """
    return create("metric", name, METRICS, model, **options)
