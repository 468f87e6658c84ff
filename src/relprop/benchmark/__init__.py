"""Time explanations against a plain input gradient and other libraries, and scoring against bare forwards."""

from relprop.benchmark.cases import ALL_CASES, CASES, SCORING_CASES, Case, ScoringCase, select
from relprop.benchmark.measuring import benchmark, measure
from relprop.benchmark.memory import held_megabytes, peak_memory
from relprop.benchmark.scoring import measure_scoring
from relprop.benchmark.sides import MEMORY_FORMATS

__all__ = [
    "ALL_CASES",
    "CASES",
    "MEMORY_FORMATS",
    "SCORING_CASES",
    "Case",
    "ScoringCase",
    "benchmark",
    "held_megabytes",
    "measure",
    "measure_scoring",
    "peak_memory",
    "select",
]
