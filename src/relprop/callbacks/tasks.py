"""Which process explains which batches of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Task:
    """One batch for one process.

    `batch` is its number; `scored` says whether its rows are missing, `shown` are places in it of images that belong on
    the contact sheet, `first` is how many images come before it.
    """

    batch: int
    scored: bool
    shown: tuple[int, ...]
    first: int


def deal(sizes: Sequence[int], done: int, shown: Sequence[int], processes: int) -> list[list[Task]]:
    """The tasks of each process, in their order, for batches of these sizes the first `done` of which have rows.

    Batches are dealt out like cards, so that the i-th tasks of all processes follow each other. Of what has rows only
    batches with images to show, positions over all batches, are run again. All get equally many tasks, so that none
    waits for another in vain: the last ones may have nothing to do.
    """
    tasks = []
    for batch, (size, end) in enumerate(zip(sizes, accumulate(sizes), strict=True)):
        first = end - size
        places = tuple(position - first for position in shown if first <= position < end)
        if batch >= done or places:
            tasks.append(Task(batch, batch >= done, places, first))
    idle = Task(tasks[-1].batch, False, (), tasks[-1].first)
    tasks += [idle] * (-len(tasks) % processes)
    return [tasks[process::processes] for process in range(processes)]
