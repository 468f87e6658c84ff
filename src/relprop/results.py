"""What a run leaves behind in its folder: `results.jsonl`, one row per image, and `summary.json`."""

import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import bootstrap

VERSIONS = ("relprop", "torch", "torchvision", "lightning", "torchmetrics", "numpy")


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """One JSON object per line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_summary(summary: Mapping[str, Any], path: Path) -> None:
    """Indented JSON."""
    path.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def finite(value: Any) -> Any:
    """`value`, or None for a float that JSON has no number for."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def summarize(rows: Sequence[Mapping[str, Any]], scores: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    """For each score: mean, sample standard deviation and 95 % percentile bootstrap interval of the mean over images.

    Standard deviation and interval are None for a single image.
    """
    return {name: _statistics([row[name] for row in rows], seed) for name in scores}


def _statistics(values: Sequence[float], seed: int) -> dict[str, Any]:
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": mean, "std": None, "interval": None}
    std = float(np.std(values, ddof=1))
    if std == 0:
        return {"mean": mean, "std": std, "interval": [mean, mean]}
    interval = bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(seed), batch=100
    ).confidence_interval
    return {"mean": mean, "std": std, "interval": [float(interval.low), float(interval.high)]}


def provenance() -> dict[str, Any]:
    """Git commit (None outside a checkout), versions, Python. To be asked when a run starts: code changes meanwhile."""
    versions = {name: version(name) for name in VERSIONS}
    return {"git_commit": _git_commit(), "versions": versions, "python": platform.python_version()}


def device_name(device: torch.device) -> str:
    """Name of a GPU; type of the processor and number of threads otherwise."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


def _git_commit() -> str | None:
    """Commit of this code, with "-dirty" when tracked files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
