import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relprop.errors import UserError
from relprop.workers import Workers

PROGRAM = """
import os, pickle, sys
from pathlib import Path
here = Path(__file__)
while True:
    try:
        request = pickle.load(sys.stdin.buffer)
    except EOFError:
        here.with_name("ended").touch()
        break
    reply = pickle.dumps((os.getpid(), request))
    once = here.with_name(str(request))
    if request == "die" or request == "die once" and not once.exists():
        once.touch()
        os._exit(3)
    if request == "die amid the reply" and not once.exists():
        once.touch()
        reply = reply[:5]
    sys.stdout.buffer.write(reply)
    sys.stdout.buffer.flush()
    if len(reply) == 5:
        os._exit(3)
"""
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from relprop.workers import Workers
workers = Workers(Path(sys.argv[1]), 2)
print(workers.map(["a", "b"])[0][1], "torch" in sys.modules, flush=True)
"""
# A process that holds copies of the pipes, as one of a DataLoader does.
FORK = """
import warnings
warnings.simplefilter("ignore")  # of forks beside threads
if os.fork() == 0:
    os.close(1), os.close(2), time.sleep(9)
    os._exit(0)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_replies_come_in_order_from_processes_that_are_kept(program: Path) -> None:
    workers = Workers(program, 3)
    first, second = workers.map(range(20)), workers.map(range(20, 40))
    assert [request for _, request in first + second] == list(range(40))
    pids = {pid for pid, _ in first + second}
    assert len(pids) <= 3 and os.getpid() not in pids


def test_no_more_processes_start_than_there_is_work_for(program: Path) -> None:
    workers = Workers(program, 3)
    assert len({pid for number in range(5) for pid, _ in workers.map([number])}) == 1


def test_replaces_a_process_that_was_killed(program: Path) -> None:
    workers = Workers(program, 1)
    [(killed, _)] = workers.map(["before"])
    os.kill(killed, signal.SIGKILL)
    [(other, request), (same, _)] = workers.map(["after", "then"])
    assert request == "after" and other == same != killed


@pytest.mark.parametrize("request_", ["die once", "die amid the reply"])
def test_asks_again_when_a_process_dies_over_a_request(program: Path, request_: str) -> None:
    replies = Workers(program, 2).map(["a", request_, "b"])
    assert [request for _, request in replies] == ["a", request_, "b"]


def test_gives_up_when_two_processes_die_over_a_request(program: Path) -> None:
    workers = Workers(program, 2)
    with pytest.raises(UserError, match="worker process program.py died twice") as error:
        workers.map(["a", "die", "b"])
    assert "\n" not in str(error.value)
    assert [request for _, request in workers.map(["c", "d", "e"])] == ["c", "d", "e"]


def test_processes_end_with_the_object(program: Path) -> None:
    workers = Workers(program, 2)
    pids = {pid for pid, _ in workers.map(range(8))}
    del workers
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_script_without_main_guard_ends_at_once_and_in_silence(program: Path) -> None:
    begun = time.monotonic()
    result = _script(SCRIPT + FORK, program)
    assert (result.returncode, result.stdout, result.stderr) == (0, "a False\n", "")
    assert time.monotonic() - begun < 8


def test_processes_end_when_the_script_is_killed(program: Path) -> None:
    result = _script(SCRIPT + "os.kill(os.getpid(), signal.SIGKILL)\n", program)
    assert (result.returncode, result.stdout) == (-signal.SIGKILL, "a False\n")
    deadline = time.monotonic() + 20
    while not program.with_name("ended").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _script(text: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    path = arguments[0].with_name("script.py")
    path.write_text(text)
    command = [sys.executable, "-W", "error", str(path), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
