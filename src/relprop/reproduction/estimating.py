"""List tasks, and how long they would take."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import track
from rich.table import Table

from relprop.benchmark.sides import using_threads
from relprop.reproduction.forecast import in_words
from relprop.reproduction.tasks import Task


def print_estimates(tasks: Sequence[Task], jobs: int, threads: int) -> None:
    """A line for each task: what it is, its folder, and its time by a short measurement, or that it is done."""
    listing = Table("", "folder", "time", title=f"{len(tasks)} tasks, {sum(task.done for task in tasks)} of them done")
    listing.columns[2].justify = "right"
    total, known = 0.0, dict[str, float]()
    console = Console(stderr=True)
    with using_threads(threads):
        for task in track(tasks, "measuring", console=console, disable=not console.is_terminal):
            seconds = 0.0 if task.done else task.estimate(known)
            total += seconds if task.alone else seconds / jobs
            listing.add_row(task.label, task.key, "done" if task.done else in_words(seconds))
    Console(file=sys.stdout).print(listing)
    print(f"about {in_words(total)} with jobs={jobs}")
