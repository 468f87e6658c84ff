"""Measure cases: all sides of one interleaved in one run, medians."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from rich.console import Console

from relprop.benchmark.cases import LiveCase, LRPCase, MaskingCase, ScoringCase, select
from relprop.benchmark.live import measure_live
from relprop.benchmark.lrp import measure_lrp
from relprop.benchmark.masking import measure_masking
from relprop.benchmark.scoring import measure_scoring
from relprop.benchmark.sides import using_threads
from relprop.errors import UserError

# By kind of case: the row of a case, given the memory format, the repeats, and whether other libraries take part.
MEASURES: Mapping[type, Callable[[Any, str, int, bool], dict[str, Any]]] = MappingProxyType(
    {LRPCase: measure_lrp, ScoringCase: measure_scoring, MaskingCase: measure_masking, LiveCase: measure_live}
)


def benchmark(
    cases: str | Iterable[str] | None,
    memory_format: str,
    repeats: int,
    batch: int | None,
    path: Path,
    threads: int | None = None,
    competitors: bool = True,
) -> None:
    """Measure the named cases, None being all; print one JSON object per line and write the same to `path`.

    Names may be shell patterns. `batch` replaces the cases' own number of images unless it is None; `threads` is that
    of torch. What only a GPU can do is left out where there is none, which standard error says.
    """
    chosen, left_out = select(cases, batch, torch.cuda.is_available())
    if left_out:
        names = ", ".join(case.name for case in left_out)
        Console(stderr=True).print(f"left out, since there is no GPU: {names}", soft_wrap=True)
    if not chosen:
        raise UserError("all cases chosen need a GPU, and there is none; give batch=1 or other cases")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file, using_threads(threads):
        for case in chosen:
            row = MEASURES[type(case)](case, memory_format, repeats, competitors)
            line = json.dumps(row)
            print(line, flush=True)
            file.write(line + "\n")
