"""How long tasks will take, from those that have been computed."""

from collections.abc import Sequence
from statistics import mean

from relprop.reproduction.outcomes import Outcome
from relprop.reproduction.tasks import Task


class Forecast:
    """Time left for `waiting` tasks that run `jobs` at a time.

    A task is taken to last as long as the mean of those of its nearest kind so far.
    """

    def __init__(self, waiting: Sequence[Task], jobs: int) -> None:
        self._waiting, self._jobs = {task.key: task for task in waiting}, jobs
        self._seconds: dict[tuple[str, ...], list[float]] = {}

    def take(self, task: Task, outcome: Outcome) -> None:
        """A task is over."""
        self._waiting.pop(task.key, None)
        if outcome.state == "done":
            for kind in task.kinds:
                self._seconds.setdefault(kind, []).append(outcome.seconds)

    def seconds(self) -> float | None:
        """Until all is done; None before the first task is."""
        if not self._seconds:
            return None
        return sum(self._expected(task) for task in self._waiting.values()) / self._jobs

    def left(self) -> str:
        """For people."""
        seconds = self.seconds()
        return "" if seconds is None else f"about {in_words(seconds)} left"

    def _expected(self, task: Task) -> float:
        return mean(next(self._seconds[kind] for kind in task.kinds if kind in self._seconds))


def in_words(seconds: float) -> str:
    """A duration with its two largest units: "1 h 20 min", "3 min 5 s", "12 s"."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
