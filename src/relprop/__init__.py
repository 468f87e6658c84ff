"""Explain image classifiers by layer-wise relevance propagation, and score the explanations."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relprop.lrp import LRP, UnsupportedOperationError, list_composites

__all__ = ["LRP", "UnsupportedOperationError", "list_composites"]


def __getattr__(name: str) -> Any:
    """Import torch only when something of the engine is asked for, so that command lines answer at once."""
    if name in __all__:
        return getattr(import_module("relprop.lrp"), name)
    raise AttributeError(f"module 'relprop' has no attribute '{name}'")
