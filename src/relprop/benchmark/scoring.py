"""Insertion and deletion against bare forwards of the model as the user has it."""

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from relprop.benchmark.cases import ScoringCase
from relprop.benchmark.sides import bare_forwards, compared, interleave, prepare, setting
from relprop.data.base import IMAGENET_MEAN, IMAGENET_STD
from relprop.metrics import PROTOCOLS, InsertionDeletion, Protocol
from relprop.postprocessing.quantize import Quantize

PROTOCOL = "otsuki2024"


def measure_scoring(case: ScoringCase, memory_format: str, repeats: int, competitors: bool = True) -> dict[str, Any]:
    """What scoring a batch takes, in seconds, and its ratio to the baseline's; medians over interleaved runs.

    The baseline are as many bare forwards, of the network and in batches as the user has them; for quantized heatmaps,
    the scoring of the same ones unquantized. `throughput_ratio` is how many times as fast the metric is.
    """
    model, images, target = prepare(case, memory_format)
    images = images.clamp(-2, 2)  # what pixels normalised like ImageNet's can be
    heatmaps = torch.rand(case.batch, case.image_size, case.image_size, device=images.device)
    shown = heatmaps if case.levels is None else Quantize(case.levels)(heatmaps)
    metric = _metric(model, case)
    metric.update(images, shown, target)
    requested, run = metric.requested, metric.forwards
    calls: dict[str, Callable[[], Any]] = {"metric": lambda: metric.update(images, shown, target)}
    if case.levels is None:
        calls["baseline"] = bare_forwards(model, images, requested, case.pictures)
    else:
        plain = _metric(model, case)
        calls["baseline"] = lambda: plain.update(images, heatmaps, target)
    times = interleave(calls, repeats, images.device)
    baseline_seconds = statistics.median(times["baseline"])
    return {
        "case": case.name,
        "baseline": "bare forwards" if case.levels is None else "unquantized",
        **compared(times, "metric", "baseline", case.batch),
        "throughput_ratio": baseline_seconds / statistics.median(times["metric"]),
        "baseline_seconds": baseline_seconds,
        "requested": requested,
        "forwards": run,
        "drift": _drift(model, case, (images, shown, target)),
        "protocol": PROTOCOL,
        "dtype": case.dtype,
        "levels": case.levels,
        "pictures": case.pictures,
        **setting(case, memory_format, repeats, images.device),
    }


def _metric(model: nn.Module, case: ScoringCase, protocol: str | Protocol = PROTOCOL) -> InsertionDeletion:
    options: dict[str, Any] = {"batch_size": case.pictures, "dtype": case.dtype}
    return InsertionDeletion(model, protocol, mean=IMAGENET_MEAN, std=IMAGENET_STD, **options)


def _drift(model: nn.Module, case: ScoringCase, batch: tuple[Tensor, Tensor, Tensor]) -> float:
    """Largest difference of the logits along the curves from those of the network as it is, as a share of their range.

    Logits, since random weights give probabilities that hardly change. A hook keeps the metric from folding.
    """
    protocol = Protocol(**{**PROTOCOLS[PROTOCOL].choices, "score": "logit"})
    prepared, given = _metric(model, case, protocol), _metric(model, replace(case, dtype="float32"), protocol)
    prepared.update(*batch)
    handle = model.register_forward_hook(lambda *_: None)
    given.update(*batch)
    handle.remove()
    shares = []
    for name in (f"{curve}_curve" for curve in given.curves):
        rough, exact = prepared.per_image(name), given.per_image(name)
        shares.append(((rough - exact).abs().max() / (exact.max() - exact.min())).item())
    return max(shares)
