"""Results as runs leave them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

BETTER = {"insertion": "higher", "deletion": "lower"}


def rows(insertion: Sequence[float], deletion: Sequence[float] | None = None, **changes: Any) -> list[dict[str, Any]]:
    """One per image; `changes` go into all of them."""
    return [
        {
            "dataset": "digits",
            "model": "resnet20",
            "index": 10 * i,
            "label": i % 3,
            "predicted": i % 3,
            "probability": 0.9,
            "protocol": "strict",
            "target": i % 3,
            "insertion": value,
            "deletion": value / 2 if deletion is None else deletion[i],
            "fractions": [0.0, 0.5, 1.0],
            **changes,
        }
        for i, value in enumerate(insertion)
    ]


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "seed": 0,
        "dataset": {"name": "digits", "data_dir": "data", "batch_size": 32},
        "model": {"name": "resnet20"},
        "method": {"name": "lrp", "composite": "zplus", "skip": "latest"},
        "metric": {"name": "insertion_deletion", "protocol": "strict", "step": None, "batch_size": 128},
        "protocol": {"name": "strict", "step": None},
        "target": "predicted",
        "reduction": "sum",
        **changes,
    }


def leave_run(
    folder: Path, results: Sequence[Mapping[str, Any]], config: Mapping[str, Any] | None = None, **summary: Any
) -> Path:
    """A finished run's folder; `summary` beside what is always there."""
    folder.mkdir(parents=True)
    OmegaConf.save(settings() if config is None else config, folder / "config.yaml")
    (folder / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in results), encoding="utf-8")
    always = {"n": len(results), "better": BETTER, "protocol": "strict"}
    (folder / "summary.json").write_text(json.dumps({**always, **summary}), encoding="utf-8")
    return folder
