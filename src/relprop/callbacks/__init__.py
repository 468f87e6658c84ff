"""Lightning callbacks that explain, score, audit, and log what came out."""

from relprop.callbacks.audit import AuditBatch
from relprop.callbacks.explain import TARGETS, Explain
from relprop.callbacks.pictures import KeepPictures
from relprop.callbacks.report import Report
from relprop.callbacks.timing import Timing

__all__ = ["TARGETS", "AuditBatch", "Explain", "KeepPictures", "Report", "Timing"]
