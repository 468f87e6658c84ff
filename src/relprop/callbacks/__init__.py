"""Lightning callbacks that explain, score, and log what came out."""

from relprop.callbacks.explain import Explain
from relprop.callbacks.report import Report

__all__ = ["Explain", "Report"]
