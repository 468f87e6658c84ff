"""Measure cases: all sides of one interleaved in one run, medians."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from torch import Tensor, nn

from relprop.benchmark.cases import Case, select
from relprop.benchmark.competitors import COMPETITORS, Side
from relprop.benchmark.memory import MEGABYTE, held_megabytes, peak_memory
from relprop.errors import UserError
from relprop.explainers import get_explainer
from relprop.models import build_model
from relprop.results import device_name

MEMORY_FORMATS = MappingProxyType({"contiguous": torch.contiguous_format, "channels_last": torch.channels_last})
CLASSES = 1000
Times = Mapping[str, list[float]]


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
            line = json.dumps(measure(case, memory_format, repeats, competitors))
            print(line, flush=True)
            file.write(line + "\n")


@contextmanager
def using_threads(number: int | None) -> Iterator[None]:
    """That many threads of torch inside; None leaves them as they are."""
    before = torch.get_num_threads()
    if number is not None:
        if not isinstance(number, int) or number < 1:
            raise UserError(f"threads={number} is not valid; it takes a whole number of at least 1 or null")
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def measure(case: Case, memory_format: str, repeats: int, competitors: bool = True) -> dict[str, Any]:
    """What LRP takes, in seconds and memory, and its ratio to the input gradient; the seconds of the other sides, too.

    Network and images have the named memory format on all sides. `seconds` are medians over `repeats` interleaved
    runs after one of each to warm up; `ratio_range` is the smallest and largest ratio of two runs side by side. What is
    done once for many batches is not part of them: `build_seconds` and `prepared_megabytes` are those of the engine.
    """
    model, images, target = _prepare(case, memory_format)
    began = time.perf_counter()
    lrp = get_explainer("lrp", model, **case.options)
    build_seconds = time.perf_counter() - began
    sides: dict[str, Side] = {"lrp": lrp, "gradient": get_explainer("gradient", model)}
    others = _add_others(sides, case, model, competitors)
    calls = {name: _call(side, images, target) for name, side in sides.items()}
    times = _interleave(calls, repeats, images.device)
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


def _prepare(case: Case, memory_format: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A freshly initialised network, images of noise, and the classes that it predicts."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    order = MEMORY_FORMATS[memory_format]
    model = build_model(case.model, num_classes=CLASSES, image_size=case.image_size).eval()
    model = model.to(device).to(memory_format=order)
    images = torch.randn(case.batch, 3, case.image_size, case.image_size, device=device)
    images = images.contiguous(memory_format=order)
    with torch.no_grad():
        return model, images, model(images).argmax(1)


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


def _interleave(calls: Mapping[str, Callable[[], Tensor]], repeats: int, device: torch.device) -> Times:
    """Seconds of every side, in turns, so that all meet the same noise."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in track(range(repeats + 1), "measuring", console=Console(stderr=True)):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn > 0:
                times[name].append(time.perf_counter() - began)
    return times
