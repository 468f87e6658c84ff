"""What all measurements share: a network with images, and sides that take turns."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn

from relprop.benchmark.cases import Case, ScoringCase
from relprop.errors import UserError
from relprop.models import build_model

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


def prepare(case: Case | ScoringCase, memory_format: str) -> tuple[nn.Module, Tensor, Tensor]:
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
