"""What all measurements share: a network with images, and sides that take turns."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from scipy.stats import spearmanr
from torch import Tensor, nn

from relprop.benchmark.cases import Case
from relprop.errors import UserError
from relprop.models import build_model
from relprop.results import device_name

MEMORY_FORMATS = MappingProxyType({"contiguous": torch.contiguous_format, "channels_last": torch.channels_last})
CLASSES = 1000
Times = Mapping[str, list[float]]


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


def prepare(case: Case, memory_format: str) -> tuple[nn.Module, Tensor, Tensor]:
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


def interleave(calls: Mapping[str, Callable[[], Any]], repeats: int, device: torch.device) -> Times:
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


def compared(times: Times, name: str, baseline: str, batch: int) -> dict[str, Any]:
    """Median seconds of a side for a batch and their ratio to the baseline's.

    `ratio_range` is the smallest and largest ratio of two runs side by side.
    """
    seconds = statistics.median(times[name])
    ratios = [a / b for a, b in zip(times[name], times[baseline], strict=True)]
    return {
        "ratio": seconds / statistics.median(times[baseline]),
        "ratio_range": [min(ratios), max(ratios)],
        "seconds": seconds,
        "images_per_second": batch / seconds,
    }


def setting(case: Case, memory_format: str, repeats: int, device: torch.device) -> dict[str, Any]:
    """What a row says about how it was measured."""
    return {
        "model": case.model,
        "batch": case.batch,
        "image_size": case.image_size,
        "memory_format": memory_format,
        "repeats": repeats,
        "threads": torch.get_num_threads(),
        "device": device_name(device),
        "torch": torch.__version__,
    }


def drift(heatmaps: Tensor, exact: Tensor) -> dict[str, float]:
    """Relative L2 error and Spearman's rank correlation of attributions, summed over channels; means over images."""
    pairs = [tuple(maps.sum(0).double().flatten().cpu() for maps in pair) for pair in zip(heatmaps, exact, strict=True)]
    return {
        "relative_error": statistics.mean(((a - b).norm() / b.norm()).item() for a, b in pairs),
        "rank_correlation": statistics.mean(float(spearmanr(a, b).statistic) for a, b in pairs),
    }


def bound(side: Callable[..., Tensor], *arguments: Any) -> Callable[[], Tensor]:
    """The side as a call without arguments, as `interleave` takes them."""
    return lambda: side(*arguments)


def bare_forwards(model: nn.Module, images: Tensor, total: int, at_once: int) -> Callable[[], Tensor]:
    """A call that runs `total` forwards of the first image, `at_once` in one; it gives the logits of the last ones."""
    pictures = images[:1].expand(at_once, -1, -1, -1).clone(memory_format=torch.preserve_format)

    def run() -> Tensor:
        with torch.no_grad():
            for first in range(0, total, at_once):
                logits: Tensor = model(pictures[: total - first])
        return logits

    return run
