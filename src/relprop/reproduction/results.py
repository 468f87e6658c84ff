"""What has come out of a table's cells, for those who write and draw it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Self

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from scipy.stats import t
from torch import Tensor

from relprop.callbacks.pictures import PICTURES
from relprop.registry import choose
from relprop.reproduction.outcomes import failure
from relprop.reproduction.paper import TableSpec
from relprop.reproduction.plan import Plan
from relprop.reproduction.tasks import Task
from relprop.resuming import ROWS
from relprop.tables import Absent, Better, Spread

FAILED, NOT_COMPUTED = "failed", "not computed"


@dataclass(frozen=True)
class Results:
    """The cells of the table `name`, whatever has become of them."""

    name: str
    spec: TableSpec
    plan: Plan

    def tasks(self, network: str, row: str | None = None, column: str | None = None) -> list[Task]:
        """Those of a network, and of a row and a column if they are named, in the order of the table."""
        return [
            task
            for place, task in self.plan.cells.items()
            if (place.table, place.network) == (self.name, network)
            and (row is None or place.row == row)
            and (column is None or place.column == column)
        ]

    def done(self, network: str, row: str | None = None, column: str | None = None) -> list[Task]:
        """Those of them that have results."""
        return [task for task in self.tasks(network, row, column) if task.done]

    def value(self, network: str, row: str, column: str, score: str) -> Spread | Absent:
        """Mean, standard deviation and 95 % interval of a score in a cell.

        Over images, the interval by bootstrap; of a network trained several times, over the means of the trainings, the
        interval by Student's t.
        """
        tasks = self.tasks(network, row, column)
        if network in self.plan.absent:  # of several trainings, all are needed
            return self.plan.absent[network]
        if missing := [_missing(task) for task in tasks if not task.done]:
            return missing[0]
        for task in tasks:
            choose(f"tables.{self.name}.scores", score, task.summary["better"])
        scores = [task.summary[score] for task in tasks]
        if any(score["mean"] is None for score in scores):
            return Absent("undefined", f"{row} has no image with a number for {score}")
        if len(scores) > 1:
            return over_trainings([score["mean"] for score in scores])
        interval = scores[0]["interval"]
        return Spread(scores[0]["mean"], scores[0]["std"], None if interval is None else (interval[0], interval[1]))

    def better(self, score: str) -> Better | None:
        """Which direction of a score is better, as its metric says; None if neither, or if no cell is done."""
        tasks = [task for task in self.plan.cells.values() if task.done and score in task.summary.get("better", {})]
        direction = tasks[0].summary["better"][score] if tasks else None
        return "higher" if direction == "higher" else "lower" if direction == "lower" else None

    def images(self, network: str, row: str) -> str | None:
        """How many images a row's numbers are means of: "500", or "5 × 1000" for five trainings."""
        counts = [task.summary["n"] for task in self.done(network, row, next(iter(self.spec.columns)))]
        if not counts:
            return None
        return str(counts[0]) if len(counts) == 1 else f"{len(counts)} × {counts[0]}"


def over_trainings(means: Sequence[float]) -> Spread:
    """Mean and sample standard deviation of the means of m trainings, with mean ± t(0.975, m − 1) · std / √m."""
    std = stdev(means)
    half = float(t.ppf(0.975, len(means) - 1)) * std / math.sqrt(len(means))
    return Spread(mean(means), std, (mean(means) - half, mean(means) + half))


def rows_of(task: Task) -> list[dict[str, Any]]:
    """One row per image, curves included."""
    with (task.folder / ROWS).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@dataclass(frozen=True)
class Pictures:
    """What `KeepPictures` has kept of a cell: tensors by name, and the names of the classes."""

    tensors: Mapping[str, Tensor]
    class_names: Sequence[str]

    @staticmethod
    def kept(task: Task) -> bool:
        """Whether the cell has any."""
        return (task.folder / PICTURES).is_file()

    @classmethod
    def read(cls, task: Task) -> Self:
        """Of a cell that is done."""
        path = task.folder / PICTURES
        with safe_open(path, framework="pt") as file:
            return cls(load_file(path), json.loads(file.metadata()["class_names"]))

    def images(self, kind: str) -> Tensor:
        """Float32 (k, 3, H, W) in [0, 1]; `kind` is "best", "worst" or "same"."""
        return self.tensors[f"{kind}.images"].to(torch.float32) / 255

    def heatmaps(self, kind: str) -> Tensor:
        """Float32 (k, H, W)."""
        return self.tensors[f"{kind}.heatmaps"]

    def indices(self, kind: str) -> list[int]:
        """Positions in the test split."""
        return [int(index) for index in self.tensors[f"{kind}.indices"]]


def _missing(task: Task) -> Absent:
    error = failure(task)
    if error is None:
        return Absent(NOT_COMPUTED, "the command was told to stop, or another process is at work on it")
    return Absent(FAILED, f"{task.label}: {error}")
