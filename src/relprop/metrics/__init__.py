"""Faithfulness metrics for heatmaps of any explanation method. Know torch and torchmetrics only."""

from relprop.metrics.insertion_deletion import InsertionDeletion
from relprop.metrics.ranking import PROTOCOLS

__all__ = ["PROTOCOLS", "InsertionDeletion"]
