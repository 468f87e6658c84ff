"""Worker processes for work on the CPU that must not hold up the rest."""

import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import LifoQueue
from typing import Any

from relprop.errors import UserError

Process = subprocess.Popen[bytes]


class Workers:
    """At most `count` processes that run the Python file `program`, started when there is work for them.

    The program answers each pickled request on its standard input by a pickled reply on its standard output, and ends
    when there is no more input. So the processes end with this object, at the interpreter's exit, and even when it is
    killed. `multiprocessing` would import the user's script, and torch with it, into each of them, and would break
    scripts without `if __name__ == "__main__"`.
    """

    def __init__(self, program: Path, count: int):
        # each slot holds a process or, where none has been started or the last one died, None; those started come first
        slots: LifoQueue[Process | None] = LifoQueue()
        for _ in range(count):
            slots.put(None)
        self._threads = ThreadPoolExecutor(count)  # they only wait for the processes
        self._answer = partial(_answer, program, slots)
        weakref.finalize(self, _shut_down, self._threads, slots)

    def map(self, requests: Iterable[Any]) -> list[Any]:
        """The reply to each request, in order.

        A process that dies is replaced and asked again. Raises `UserError` if that one dies, too.
        """
        return list(self._threads.map(self._answer, requests))


def _answer(program: Path, slots: LifoQueue[Process | None], request: Any) -> Any:
    process = slots.get()
    try:
        for _ in range(2):
            process = process or _start(program)
            try:
                return _exchange(process, request)
            except (OSError, EOFError, pickle.UnpicklingError):
                _end(process)
                process = None
    finally:
        slots.put(process)
    raise UserError(
        f"worker process {program.name} died twice over one task: see what it printed above; "
        "check that its libraries are installed properly and that memory is left"
    )


def _start(program: Path) -> Process:
    # the same import path; not the threads of numpy's BLAS, as many as there are cores in each; not the user's Ctrl-C
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-P", str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def _exchange(process: Process, request: Any) -> Any:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(pickle.dumps(request))
    process.stdin.flush()
    return pickle.load(process.stdout)


def _end(process: Process) -> None:
    """End `process` at once: a copy of its input, in a forked process such as a DataLoader's, could keep it alive."""
    process.kill()
    with suppress(BrokenPipeError), process:
        pass  # leaving closes the pipes and waits


def _shut_down(threads: ThreadPoolExecutor, slots: LifoQueue[Process | None]) -> None:
    threads.shutdown()
    while not slots.empty():
        process = slots.get()
        if process is not None:
            _end(process)
