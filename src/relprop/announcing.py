"""What the first of several processes that were started each for itself tells the others: its folder, and its end.

A folder is named by the time, and a run that is continued is searched for: two processes would not always agree.
There is no process group yet. So they meet in the store through which torch makes it: that of torchrun's agent, or of
the first process. Imports torch only where there are others.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from relprop.errors import UserError
from relprop.processes import first, launcher, started

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

FOLDER, ENDED, KNOWN = "folder", "ended", "known"
LOST = "another process of this run has ended before its time; see what it says"
PATIENCE = 300.0  # seconds that the others wait for the first one's folder
GRACE = 10.0  # seconds that processes leave each other to end


def announce_folder(folder: Path) -> None:
    """Tell the others where this run writes; for the first process."""
    if started() > 1:
        _store().set(FOLDER, str(folder))


def announced_folder() -> Path:
    """Where the first process writes. If that has ended before, this one ends, too, with the same exit code.

    Raises `UserError` if nothing is heard of it, or nothing more.
    """
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            if _store().check([ENDED]):
                _store().add(KNOWN, 1)
                raise SystemExit(int(_store().get(ENDED)))
            if _store().check([FOLDER]):
                return Path(_store().get(FOLDER).decode())
            time.sleep(0.1)
    except RuntimeError:  # the store has ended
        raise UserError(LOST) from None
    raise UserError(f"the first process has not begun within {PATIENCE:.0f} seconds; see what it says")


def announce_end(code: int) -> None:
    """Tell the others that this process, the first, ends with this exit code, and has said why; nor need they go on."""
    if started() == 1:
        return
    deadline = time.monotonic() + GRACE
    with suppress(UserError, RuntimeError):  # there is nobody to be told
        _store().set(ENDED, str(code))
        while launcher() == "srun" and _store().add(KNOWN, 0) < started() - 1 and time.monotonic() < deadline:
            time.sleep(0.1)  # the store ends with this process


@contextmanager
def end_announced() -> Iterator[None]:
    """However this process ends within: the others are told, unless they know its folder, and so need not wait for it.

    It ends so when it has shown the config or the help, too.
    """
    code: object = 1
    try:
        yield
        code = None
    except SystemExit as end:
        code = end.code
        raise
    finally:
        if first() and not _has_announced():
            announce_end(0 if code in (None, 0) else 1)


def _has_announced() -> bool:
    """Whether the others have been told of the folder, or of the end, or cannot be."""
    try:
        return started() == 1 or _store().check([FOLDER]) or _store().check([ENDED])
    except (UserError, RuntimeError):
        return True


def first_has_ended() -> bool:
    """Whether the first process ends, too: then it has said why.

    One that Lightning or torchrun started is ended meanwhile, since they end all when one has ended.
    """
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        try:
            if started() > 1 and _store().check([ENDED]):
                _store().add(KNOWN, 1)
                return True
        except (UserError, RuntimeError):  # the store has ended, or cannot be reached
            return False
        time.sleep(0.1)
    return False


@cache
def _store() -> "Store":
    from torch._C._distributed_c10d import PrefixStore, TCPStore  # where mypy finds them
    from torch.distributed import DistNetworkError

    if launcher() == "srun":
        _settle_place()
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    serves = first() and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    try:
        store = TCPStore(
            address,
            port,
            is_master=serves,
            wait_for_workers=False,
            multi_tenant=True,  # torch opens it again
            timeout=timedelta(seconds=PATIENCE),
        )
    except DistNetworkError as error:
        raise UserError(f"the processes of this run do not meet at {address}, port {port}: {error}") from None
    return PrefixStore(f"relprop/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)


def _settle_place() -> None:
    """Where processes of srun meet, now and in their process group: Lightning keeps to these variables.

    On the first node of the step, such as gpu03 of "gpu[03-05,07],gpu12", at a port that is the step's own.
    """
    nodes = os.environ.get("SLURM_STEP_NODELIST") or os.environ["SLURM_NODELIST"]
    name = re.match(r"([^\[,]*)(?:\[([^],-]*)[^]]*\])?([^\[,]*)", nodes)
    assert name is not None
    os.environ.setdefault("MASTER_ADDR", "".join(name.groups("")))
    number = int(os.environ["SLURM_JOB_ID"]) + 101 * int(os.environ["SLURM_STEP_ID"])
    os.environ.setdefault("MASTER_PORT", str(15000 + number % 10000))
