"""What the first of several processes and the others tell each other through torch's store, here all in one process."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from torch.distributed import PrefixStore, TCPStore

from relprop import announcing
from relprop.errors import UserError
from tests import told


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[TCPStore]]:
    """The store of torchrun's agent, for two processes of which this is the second; emptied, it ends."""
    serving = [TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)]
    for name in [name for name in os.environ if name.startswith(("SLURM_", "TORCHELASTIC_"))]:
        monkeypatch.delenv(name)
    variables = {"TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True", "WORLD_SIZE": "2", "RANK": "1"}
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(serving[0].port)}
    for name, value in {**variables, **place}.items():
        monkeypatch.setenv(name, value)
    announcing._store.cache_clear()
    yield serving
    announcing._store.cache_clear()


def said(store: list[TCPStore]) -> bytes | None:
    """With which exit code the first process has said that it ends."""
    within = PrefixStore("relprop/0", store[0])
    return within.get(announcing.ENDED) if within.check([announcing.ENDED]) else None


def test_the_folder_of_the_first_is_that_of_the_others(store: list[TCPStore]) -> None:
    announcing.announce_folder(Path("/runs/some folder"))
    assert announcing.announced_folder() == Path("/runs/some folder")


@pytest.mark.parametrize("code", [0, 1])
def test_the_others_end_as_the_first_has_ended(code: int, store: list[TCPStore]) -> None:
    announcing.announce_end(code)
    with pytest.raises(SystemExit) as ended:
        announcing.announced_folder()
    assert ended.value.code == code


def test_a_first_process_that_is_lost_while_it_is_waited_for_is_one_line(store: list[TCPStore], monkeypatch) -> None:
    def killed(_: float) -> None:
        store.clear()

    monkeypatch.setattr(announcing.time, "sleep", killed)
    with pytest.raises(UserError, match="another process of this run has ended before its time"):
        announcing.announced_folder()


@pytest.mark.parametrize("words", [["--help"], ["--cfg", "job"]])
def test_the_others_do_not_wait_for_one_that_shows_the_help(words, store: list[TCPStore], monkeypatch, capsys) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr(sys, "argv", ["told.py", *words])
    with suppress(SystemExit):  # with --help alone
        told.main()
    assert "optimizer" in capsys.readouterr().out
    assert said(store) == b"0"


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), ValueError()])
def test_however_the_first_ends_the_others_are_told(error: BaseException, store: list[TCPStore], monkeypatch) -> None:
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(type(error)), announcing.end_announced():
        raise error
    assert said(store) == b"1"


def test_those_that_have_the_folder_go_on(store: list[TCPStore], monkeypatch) -> None:
    monkeypatch.setenv("RANK", "0")
    with announcing.end_announced():
        announcing.announce_folder(Path("/runs"))
    assert said(store) is None


def test_where_nobody_can_be_told_the_first_ends_as_it_would_alone(store: list[TCPStore], monkeypatch) -> None:
    monkeypatch.setenv("RANK", "0")
    assert not announcing._has_announced()
    store.clear()
    with pytest.raises(ZeroDivisionError), announcing.end_announced():
        raise ZeroDivisionError
    announcing.announce_end(1)
    monkeypatch.setenv("RANK", "1")
    assert not announcing.first_has_ended()
