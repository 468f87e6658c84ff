"""Frames per second of LRP."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from relprop.experiment.building import on_cpu
from relprop.explainers import get_explainer
from relprop.models import build_model
from relprop.provenance import provenance
from relprop.reproduction.paper import SpeedSpec
from relprop.reproduction.tasks import Task, named, versions
from relprop.results import device_name, summarize
from relprop.resuming import ROWS, SUMMARY, hold, write_json

CLASSES = 1000


class SpeedTask(Task):
    """How long LRP takes for one picture of noise at a time, on random weights, which do not matter for it.

    A row for each of `repeats` pictures: seconds and frames per second.
    """

    def run(self) -> None:
        """Measure."""
        origin, began = provenance(), time.perf_counter()
        with hold(self.folder):
            device = torch.device("cpu" if on_cpu(self.config) else "cuda")
            rows = [_row(index, seconds) for index, seconds in enumerate(self._seconds(device, self.config.repeats))]
            with (self.folder / ROWS).open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            better = {"frames_per_second": "higher", "seconds": "lower"}
            summary = {
                **summarize(rows, better, self.config.seed),
                "better": better,
                "n": len(rows),
                "seed": self.config.seed,
                "device": device_name(device),
                **origin,
                "wall_time_seconds": time.perf_counter() - began,
            }
            write_json(summary, self.folder / SUMMARY)

    def estimate(self, known: dict[str, float]) -> float:
        """From one picture, after one that is not counted."""
        device = torch.device("cpu" if on_cpu(self.config) else "cuda")
        return int(self.config.repeats) * self._seconds(device, 1)[0]

    def _seconds(self, device: torch.device, repeats: int) -> list[float]:
        """Of `repeats` explanations, after one that is not counted."""
        size = self.config.image_size
        model = build_model(self.config.model, num_classes=CLASSES, image_size=size).eval().to(device)
        explain = get_explainer(
            "lrp", model, composite=self.config.composite, relevance_filter=self.config.relevance_filter
        )
        images = torch.randn(1, 3, size, size, device=device, generator=torch.Generator(device).manual_seed(0))
        seconds = []
        for _ in range(repeats + 1):
            began = time.perf_counter()
            explain(images).sum().item()  # which waits for a GPU
            seconds.append(time.perf_counter() - began)
        return seconds[1:]


def speed_task(parent: Path, label: str, spec: SpeedSpec, strength: float, accelerator: str, seed: int) -> SpeedTask:
    """The measurement of one filter strength on this device; on another one it is another task."""
    chosen = {key: value for key, value in vars(spec).items() if key not in ("caption", "filters")}
    options = {**chosen, "relevance_filter": strength, "trainer": {"accelerator": accelerator}, "seed": seed}
    config = OmegaConf.create(options)
    device = torch.device("cpu" if on_cpu(config) else "cuda")
    facts = {"options": options, "device": device_name(device), "versions": versions("relprop.explainers.lrp")}
    return SpeedTask(named(parent, ["speed", spec.model, spec.composite], facts), label, config, alone=True)


def _row(index: int, seconds: float) -> dict[str, Any]:
    return {"index": index, "seconds": seconds, "frames_per_second": 1 / seconds}
