"""Ctrl-C, and the signal by which a cluster ends a job, as one line that says how to go on. Imports no torch."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class StoppedError(BaseException):
    """The user, or the cluster, ended the run. As with KeyboardInterrupt, `except Exception` does not hold it up."""


@contextmanager
def stoppable(remedy: Callable[[], str]) -> Iterator[None]:
    """Within, SIGINT and SIGTERM raise `StoppedError` with the signal's name and `remedy()`; the second one is ignored.

    In the processes that read images, which inherit this, they raise KeyboardInterrupt, by which those end quietly.
    """
    process = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:
            raise KeyboardInterrupt
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise StoppedError(f"stopped by {signal.Signals(number).name}; {remedy()}")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
