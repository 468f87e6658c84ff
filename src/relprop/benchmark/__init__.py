"""Time explanations against an input gradient, bare forwards and other libraries, and scoring against bare forwards."""

from relprop.benchmark.cases import ALL_CASES, Case, LiveCase, LRPCase, MaskingCase, ScoringCase, select
from relprop.benchmark.live import measure_live
from relprop.benchmark.lrp import measure_lrp
from relprop.benchmark.masking import measure_masking
from relprop.benchmark.measuring import benchmark
from relprop.benchmark.memory import held_megabytes, peak_memory
from relprop.benchmark.scoring import measure_scoring
from relprop.benchmark.sides import MEMORY_FORMATS

__all__ = [
    "ALL_CASES",
    "MEMORY_FORMATS",
    "Case",
    "LRPCase",
    "LiveCase",
    "MaskingCase",
    "ScoringCase",
    "benchmark",
    "held_megabytes",
    "measure_live",
    "measure_lrp",
    "measure_masking",
    "measure_scoring",
    "peak_memory",
    "select",
]
