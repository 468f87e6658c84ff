"""The numbers of `summary.json`."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from relprop.statistics import describe


def summarize(rows: Sequence[Mapping[str, Any]], better: Mapping[str, str], seed: int) -> dict[str, dict[str, Any]]:
    """For each score: what `describe` says of it, and the worst of all images.

    `better`: by score, whether "higher" or "lower" values are better; the worst of others, or of no image, is None.
    """
    extremes = {"higher": min, "lower": max}
    summary = {}
    for name, direction in better.items():
        values = [row[name] for row in rows if row[name] is not None]
        worst = extremes[direction](values) if values and direction in extremes else None
        summary[name] = {**describe([row[name] for row in rows], seed), "worst": worst}
    return summary


def device_name(device: torch.device) -> str:
    """Name of a GPU; type of the processor and number of threads otherwise."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"
