"""Measure cases: all sides of one interleaved in one run, medians."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from scipy.stats import spearmanr
from torch import Tensor, nn

from relprop.benchmark.cases import Case, ScoringCase, select
from relprop.benchmark.competitors import COMPETITORS, Side
from relprop.benchmark.memory import MEGABYTE, held_megabytes, peak_memory
from relprop.benchmark.scoring import measure_scoring
from relprop.benchmark.sides import Times, interleave, prepare, using_threads
from relprop.errors import UserError
from relprop.explainers import get_explainer
from relprop.results import device_name


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
    with path.open("w", encoding="utf-8") as file, using_threads(threads):
        for case in chosen:
            row = (
                measure_scoring(case, memory_format, repeats)
                if isinstance(case, ScoringCase)
                else measure(case, memory_format, repeats, competitors)
            )
            line = json.dumps(row)
            print(line, flush=True)
            file.write(line + "\n")


def measure(case: Case, memory_format: str, repeats: int, competitors: bool = True) -> dict[str, Any]:
    """What LRP takes, in seconds and memory, and its ratio to the input gradient; the seconds of the other sides, too.

    Network and images have the named memory format on all sides. `seconds` are medians over `repeats` interleaved
    runs after one of each to warm up; `ratio_range` is the smallest and largest ratio of two runs side by side. What is
    done once for many batches is not part of them: `build_seconds` and `prepared_megabytes` are those of the engine.
    """
    model, images, target = prepare(case, memory_format)
    began = time.perf_counter()
    lrp = get_explainer("lrp", model, **case.options)
    build_seconds = time.perf_counter() - began
    sides: dict[str, Side] = {"lrp": lrp, "gradient": get_explainer("gradient", model)}
    others = _add_others(sides, case, model, competitors)
    calls = {name: _call(side, images, target) for name, side in sides.items()}
    times = interleave(calls, repeats, images.device)
    return {
        "case": case.name,
        "baseline": "input gradient",
        **_compared(times, "lrp", case.batch),
        "baseline_seconds": statistics.median(times["gradient"]),
        "build_seconds": build_seconds,
        **_peaks(calls, images.device),
        "prepared_megabytes": held_megabytes(lrp, model),
        "drift": drift(calls["lrp"](), calls["float32"]()) if "float32" in calls else None,
        "others": {
            name: {**(_compared(times, name, case.batch) if name in times else {}), **about}
            for name, about in others.items()
        },
        "model": case.model,
        **case.options,
        "batch": case.batch,
        "image_size": case.image_size,
        "memory_format": memory_format,
        "repeats": repeats,
        "threads": torch.get_num_threads(),
        "device": device_name(images.device),
        "torch": torch.__version__,
    }


def _add_others(sides: dict[str, Side], case: Case, model: nn.Module, competitors: bool) -> dict[str, dict[str, str]]:
    """Give `sides` those that are no baseline: the engine in float32, or the other libraries; say what they are."""
    if case.dtype != "float32":
        sides["float32"] = get_explainer("lrp", model, **{**case.options, "dtype": "float32"})
        return {"float32": {"library": "relprop"}}
    others = {}
    for name, competitor in COMPETITORS.get(case.composite, {}).items() if competitors else ():
        others[name] = competitor.about()
        reason = competitor.refusal(model)
        if reason is None:
            sides[name] = competitor.build(model)
        else:
            others[name]["left_out"] = reason
    return others


def drift(heatmaps: Tensor, exact: Tensor) -> dict[str, float]:
    """Relative L2 error and Spearman's rank correlation of attributions, summed over channels; means over images."""
    pairs = [tuple(maps.sum(0).double().flatten().cpu() for maps in pair) for pair in zip(heatmaps, exact, strict=True)]
    return {
        "relative_error": statistics.mean(((a - b).norm() / b.norm()).item() for a, b in pairs),
        "rank_correlation": statistics.mean(float(spearmanr(a, b).statistic) for a, b in pairs),
    }


def _compared(times: Times, name: str, batch: int) -> dict[str, Any]:
    """Seconds of a side and how they compare with those of the gradient."""
    seconds, gradient = (statistics.median(times[side]) for side in (name, "gradient"))
    ratios = [a / b for a, b in zip(times[name], times["gradient"], strict=True)]
    return {
        "ratio": seconds / gradient,
        "ratio_range": [min(ratios), max(ratios)],
        "seconds": seconds,
        "images_per_second": batch / seconds,
    }


def _peaks(calls: Mapping[str, Callable[[], Tensor]], device: torch.device) -> dict[str, float]:
    """Memory at the peak of a call that nobody times."""
    lrp, gradient = (peak_memory(calls[name], device) / MEGABYTE for name in ("lrp", "gradient"))
    return {"peak_memory_ratio": lrp / gradient, "peak_megabytes": lrp, "baseline_peak_megabytes": gradient}


def _call(side: Side, images: Tensor, target: Tensor) -> Callable[[], Tensor]:
    return lambda: side(images, target)
