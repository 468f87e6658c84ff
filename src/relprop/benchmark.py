"""Time explanations against a plain input gradient of the same network: both sides interleaved in one run, medians."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from relprop.explainers import get_explainer
from relprop.models import build_model
from relprop.registry import choose
from relprop.results import device_name


@dataclass(frozen=True)
class Case:
    """One comparison: a network with images (batch, 3, 224, 224), and the options of the LRP engine."""

    model: str
    composite: str
    skip: str
    batch: int


CASES: Mapping[str, Case] = MappingProxyType(
    {
        "lrp/resnet50/flows_skip": Case("resnet50", "otsuki2024", "flows_skip", batch=8),
        "lrp/vgg16/zplus": Case("vgg16", "zplus", "flows_skip", batch=4),
    }
)
MEMORY_FORMATS = MappingProxyType({"contiguous": torch.contiguous_format, "channels_last": torch.channels_last})


def benchmark(cases: Iterable[str] | None, memory_format: str, repeats: int, batch: int | None, path: Path) -> None:
    """Measure the named cases, None being all; print one JSON object per line and write the same to `path`.

    `batch` replaces the cases' own number of images unless it is None.
    """
    with path.open("w", encoding="utf-8") as file:
        for name in CASES if cases is None else cases:
            case = choose("case", name, CASES)
            case = case if batch is None else replace(case, batch=batch)
            line = json.dumps({"case": name, **measure(case, memory_format, repeats)})
            print(line, flush=True)
            file.write(line + "\n")


def measure(case: Case, memory_format: str, repeats: int) -> dict[str, Any]:
    """Seconds and images per second of LRP, seconds of the input gradient, and their ratio.

    Network and images have the named memory format on both sides. `seconds` are medians over `repeats` interleaved
    runs after one of each to warm up; `ratio_range` is the smallest and largest ratio of two runs side by side.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    order = MEMORY_FORMATS[memory_format]
    model = build_model(case.model, num_classes=1000, image_size=224).eval().to(device).to(memory_format=order)
    images = torch.randn(case.batch, 3, 224, 224, device=device).contiguous(memory_format=order)
    target = model(images).argmax(1).detach()
    sides = {
        "lrp": get_explainer("lrp", model, composite=case.composite, skip=case.skip),
        "gradient": get_explainer("gradient", model),
    }
    times = _interleave({name: _call(side, images, target) for name, side in sides.items()}, repeats, device)
    lrp, gradient = (statistics.median(times[name]) for name in ("lrp", "gradient"))
    ratios = [a / b for a, b in zip(times["lrp"], times["gradient"], strict=True)]
    return {
        "baseline": "input gradient",
        "ratio": lrp / gradient,
        "ratio_range": [min(ratios), max(ratios)],
        "seconds": lrp,
        "baseline_seconds": gradient,
        "images_per_second": case.batch / lrp,
        "batch": case.batch,
        "memory_format": memory_format,
        "repeats": repeats,
        "device": device_name(images.device),
        "torch": torch.__version__,
    }


def _call(side: Callable[[Tensor, Tensor], Tensor], images: Tensor, target: Tensor) -> Callable[[], Tensor]:
    return lambda: side(images, target)


def _interleave(sides: Mapping[str, Callable[[], Tensor]], repeats: int, device: str) -> dict[str, list[float]]:
    """Seconds of every side, in turns, so that both meet the same noise."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in track(range(repeats + 1), "measuring", console=Console(stderr=True)):
        for name, side in sides.items():
            began = time.perf_counter()
            side()
            if device == "cuda":
                torch.cuda.synchronize()
            if turn > 0:
                times[name].append(time.perf_counter() - began)
    return times
