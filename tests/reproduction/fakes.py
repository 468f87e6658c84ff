"""Tasks that take no time, for what does not depend on what is computed. Imports little, since processes import it."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

from relprop.errors import UserError
from relprop.reproduction.tasks import Task
from relprop.resuming import hold


class FakeTask(Task):
    """Does what its config says, and notes in which process it did so."""

    @property
    def kinds(self) -> list[tuple[str, ...]]:
        """Of its label: "network method number"."""
        model, method, *_ = [*self.label.split(), ""]
        return [(model, method), (model,), ()]

    def run(self) -> None:
        """Write a summary, raise, wait or die."""
        with hold(self.folder), (self.folder / "runs").open("a") as file:
            file.write(f"{os.getpid()} {torch.get_num_threads()}\n")
            file.flush()
            time.sleep(self.config.get("seconds", 0))
            if self.config.get("does") == "raise":
                raise UserError("nothing\ncan be done")
            if self.config.get("does") == "err":
                raise ZeroDivisionError("by zero")
            if self.config.get("does") == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            (self.folder / "summary.json").write_text(json.dumps({"n": 1}))

    def estimate(self, known: dict[str, float]) -> float:
        """As long as it would wait."""
        return float(self.config.get("seconds", 0))


def fake(parent: Path, name: str, alone: bool = False, **config: Any) -> FakeTask:
    """A task in `parent`/`name`."""
    return FakeTask(parent / name, name, OmegaConf.create(config), alone=alone)


def runs(task: Task) -> list[tuple[int, int]]:
    """Process and threads of each time that a fake task ran."""
    path = task.folder / "runs"
    return [tuple(map(int, line.split())) for line in path.read_text().splitlines()] if path.exists() else []
