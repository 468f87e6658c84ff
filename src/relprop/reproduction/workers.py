"""Processes of this machine that compute tasks, one at a time each."""

import multiprocessing
import os
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from relprop.processes import end_with_parent
from relprop.reproduction.outcomes import Outcome, compute, failed
from relprop.reproduction.tasks import Task


class Workers:
    """So many processes, each with `threads` threads of torch; on a machine with several GPUs each has one of them.

    They end with the `with` block, or with this process, however it ends.
    """

    def __init__(self, count: int, threads: int, session: str) -> None:
        self.threads, self.session = threads, session
        self._context = multiprocessing.get_context("spawn")  # since torch has threads, which a fork would lose
        self._slots = [self._start(number) for number in range(count)]
        self._at_work: dict[int, Task] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, connection in self._slots:
            connection.close()
            process.terminate()
        for process, _ in self._slots:
            process.join()
            process.close()

    @property
    def idle(self) -> int:
        """How many have nothing to do."""
        return len(self._slots) - len(self._at_work)

    def give(self, task: Task) -> None:
        """Let an idle one compute `task`."""
        number = next(number for number in range(len(self._slots)) if number not in self._at_work)
        self._at_work[number] = task
        self._slots[number][1].send(task)

    def collect(self, seconds: float) -> Sequence[tuple[Task, Outcome]]:
        """What has been finished, waiting so long for the first; a task whose process has died has failed."""
        ready = wait([self._slots[number][1] for number in self._at_work], seconds)
        numbers = [number for number in self._at_work if self._slots[number][1] in ready]
        return [(task, self._outcome(number, task)) for number in numbers if (task := self._at_work.pop(number))]

    def _outcome(self, number: int, task: Task) -> Outcome:
        process, connection = self._slots[number]
        try:
            outcome: Outcome = connection.recv()
        except (EOFError, ConnectionResetError):
            process.join()
            code = process.exitcode
            self._slots[number] = self._start(number)
            return failed(task, self.session, f"its process has ended ({_how(code)}); is there enough memory?")
        return outcome

    def _start(self, number: int) -> tuple[multiprocessing.process.BaseProcess, Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, number, self.threads, self.session), daemon=False)
        process.start()
        theirs.close()
        return process, ours


def _serve(connection: Connection, number: int, threads: int, session: str) -> None:
    """Compute what comes, until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    end_with_parent()
    _take_gpu(number)
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(compute(task, threads, session))


def _take_gpu(number: int) -> None:
    """Before CUDA is used: see one of the GPUs only."""
    import torch

    if torch.cuda.is_available() and torch.cuda.device_count() > 1:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(torch.cuda.device_count())))).split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = seen[number % len(seen)]


def _how(code: int | None) -> str:
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
