"""The LRP engine. Knows torch only."""

from relprop.lrp.audit import Audit, AuditRow
from relprop.lrp.composites import Composite
from relprop.lrp.engine import DTYPES, LRP, MEMORY_FORMATS
from relprop.lrp.graph import UnsupportedOperationError
from relprop.lrp.patterns import Patterns, fit_patterns
from relprop.lrp.presets import COMPOSITES, list_composites
from relprop.lrp.products import GATES, Gate
from relprop.lrp.rule import BIASES
from relprop.lrp.selectors import At, Named, OfKind
from relprop.lrp.splits import SPLITS, Split
from relprop.lrp.start import STARTS

__all__ = [
    "BIASES",
    "COMPOSITES",
    "DTYPES",
    "GATES",
    "LRP",
    "MEMORY_FORMATS",
    "SPLITS",
    "STARTS",
    "At",
    "Audit",
    "AuditRow",
    "Composite",
    "Gate",
    "Named",
    "OfKind",
    "Patterns",
    "Split",
    "UnsupportedOperationError",
    "fit_patterns",
    "list_composites",
]
