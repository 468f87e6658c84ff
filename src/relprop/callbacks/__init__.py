"""Lightning callbacks that explain, score, audit, and log what came out."""

from relprop.callbacks.audit import AuditBatch
from relprop.callbacks.explain import Explain
from relprop.callbacks.report import Report

__all__ = ["AuditBatch", "Explain", "Report"]
