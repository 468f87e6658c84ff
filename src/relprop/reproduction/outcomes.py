"""Compute one task: quietly, and whatever goes wrong is its own affair."""

import json
import logging
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from relprop.errors import UserError
from relprop.reproduction.tasks import Task
from relprop.resuming import HeldError, hold, is_held, write_json

FAILED, LOG, LOCK = "failed.json", "cell.log", "cell.lock"


@dataclass(frozen=True)
class Outcome:
    """What has become of a task in this session, and in how many seconds.

    "held": another process is at work on it. `error` says in one line why it failed.
    """

    state: Literal["done", "failed", "held"]
    seconds: float = 0.0
    error: str | None = None


def compute(task: Task, threads: int, session: str) -> Outcome:
    """Run `task` with so many threads of torch; what it says goes to `cell.log` in its folder.

    Another process may have finished it by now. A failure is noted there, too, as one of this `session`. Only what ends
    the process goes through.
    """
    torch.set_num_threads(threads)
    try:
        with hold(task.folder, LOCK):  # not that of the run in there, which a process can hold only once
            return Outcome("done") if task.done else _computed(task, session)
    except HeldError:
        return Outcome("held")


def _computed(task: Task, session: str) -> Outcome:
    began = time.perf_counter()
    (task.folder / FAILED).unlink(missing_ok=True)
    try:
        with _speaking_to(task.folder / LOG):
            task.run()
    except HeldError:
        raise
    except Exception as error:
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        with (task.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        return failed(task, session, " ".join(message.split()), time.perf_counter() - began)
    return Outcome("done", time.perf_counter() - began)


def failed(task: Task, session: str, error: str, seconds: float = 0.0) -> Outcome:
    """Note that the task has failed."""
    write_json({"error": error, "session": session}, task.folder / FAILED)
    return Outcome("failed", seconds, error)


def at_work(task: Task) -> bool:
    """Whether another process computes the task."""
    return is_held(task.folder, LOCK)


def failure(task: Task, session: str | None = None) -> str | None:
    """Why the task has failed, in this session or, without one, the last time; None if it has not."""
    try:
        note = json.loads((task.folder / FAILED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(note["error"]) if session in (None, note["session"]) else None


@contextmanager
def _speaking_to(path: Path) -> Iterator[None]:
    """Messages and warnings go into the file at `path`, and nowhere else."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            yield
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = before
        root.setLevel(level)
        handler.close()
