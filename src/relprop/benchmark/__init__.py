"""Time explanations against a plain input gradient of the same network and against other libraries."""

from relprop.benchmark.cases import CASES, Case, select
from relprop.benchmark.measuring import MEMORY_FORMATS, benchmark, measure
from relprop.benchmark.memory import held_megabytes, peak_memory

__all__ = ["CASES", "MEMORY_FORMATS", "Case", "benchmark", "held_megabytes", "measure", "peak_memory", "select"]
