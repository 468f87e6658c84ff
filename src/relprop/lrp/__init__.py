"""The LRP engine. Knows torch only."""

from relprop.lrp.composites import COMPOSITES, Composite, list_composites
from relprop.lrp.engine import LRP
from relprop.lrp.graph import UnsupportedOperationError
from relprop.lrp.splits import SPLITS
from relprop.lrp.start import STARTS

__all__ = [
    "COMPOSITES",
    "LRP",
    "SPLITS",
    "STARTS",
    "Composite",
    "UnsupportedOperationError",
    "list_composites",
]
