"""Compute tasks: those that have not been computed before, here or in processes beside, and show how far that is."""

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from relprop.benchmark.sides import using_threads
from relprop.processes import cores
from relprop.reproduction.forecast import Forecast
from relprop.reproduction.outcomes import Outcome, compute, failure
from relprop.reproduction.tasks import Task
from relprop.reproduction.workers import Workers

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two looks at what others do
Computed = Iterator[tuple[Task, Outcome]]


def run_tasks(tasks: Sequence[Task], jobs: int, threads: int, session: str, what: str = "cells") -> dict[str, Outcome]:
    """Compute those of `tasks` that are not done, `jobs` at a time with `threads` threads each; outcomes by key.

    What another process is at work on is left to it, and so is what another one of the same `session` has failed to
    compute. Tasks that are to be alone come last, one at a time.
    """
    waiting = [task for task in tasks if not task.done and failure(task, session) is None]
    if not waiting:
        return {}
    together = [task for task in waiting if not task.alone]
    alone = [task for task in waiting if task.alone]
    outcomes: dict[str, Outcome] = {}
    with _progress() as progress:
        forecast = Forecast(waiting, jobs)
        bar = progress.add_task(what, total=len(tasks), completed=len(tasks) - len(waiting), left=forecast.left())
        alike = _computed(together, min(jobs, len(together)), threads, session, progress.refresh)
        for task, outcome in chain(alike, _alone(alone, session, progress.refresh)):
            outcomes[task.key] = outcome
            forecast.take(task, outcome)
            progress.update(bar, advance=outcome.state != "held", left=forecast.left())
            if outcome.state == "failed":
                log.warning("failed: %s: %s (%s)", task.label, outcome.error, task.folder)
    return outcomes


def _computed(tasks: Sequence[Task], jobs: int, threads: int, session: str, meanwhile: Callable[[], None]) -> Computed:
    if jobs > 1:
        yield from _beside(tasks, jobs, threads, session, meanwhile)
        return
    with using_threads(threads):
        for task in tasks:
            if not task.done:  # by another process in the meantime
                yield task, compute(task, threads, session)


def _alone(tasks: Sequence[Task], session: str, meanwhile: Callable[[], None]) -> Computed:
    """One after the other, in a new process each."""
    for task in tasks:
        yield from _beside([task], 1, cores(), session, meanwhile)


def _beside(tasks: Sequence[Task], jobs: int, threads: int, session: str, meanwhile: Callable[[], None]) -> Computed:
    waiting = list(tasks)
    with Workers(jobs, threads, session) as workers:
        while waiting or workers.idle < jobs:
            while waiting and workers.idle:
                if not (task := waiting.pop(0)).done:
                    workers.give(task)
            yield from workers.collect(POLL)
            meanwhile()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("{task.fields[left]}"), console=Console(stderr=True))
