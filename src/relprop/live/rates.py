"""How fast it goes: events per second, and how old frames are when they are shown."""

import statistics
from collections import deque
from collections.abc import Sequence
from threading import Lock

WINDOW = 2.0
"""Seconds over which a rate is a mean: long enough to be read, short enough to follow what happens."""


class Rate:
    """Events per second over the last `WINDOW` seconds; events are added by one thread, asked for by others."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()
        self._lock = Lock()
        self.count = 0

    def add(self, now: float) -> None:
        """An event has happened."""
        with self._lock:
            self._times.append(now)
            self.count += 1
            while len(self._times) > 2 and now - self._times[0] > WINDOW:
                self._times.popleft()

    def per_second(self) -> float:
        """0.0 before the second event."""
        with self._lock:
            if len(self._times) < 2 or self._times[-1] == self._times[0]:
                return 0.0
            return (len(self._times) - 1) / (self._times[-1] - self._times[0])


def latency(ages: Sequence[float]) -> dict[str, float | None]:
    """Median and 95th percentile (by nearest rank) of ages in seconds; None for none."""
    if not ages:
        return {"median": None, "p95": None}
    ordered = sorted(ages)
    return {"median": statistics.median(ordered), "p95": ordered[-(-95 * len(ordered) // 100) - 1]}
