"""A checkpoint file is whole whenever the process ends."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from relprop.errors import UserError
from relprop.training.atomic import AtomicCheckpointIO, copy_whole

SAVED = {"weights": torch.arange(6.0), "epoch": 3}


def save(path: Path, content: dict[str, Any] = SAVED) -> None:
    AtomicCheckpointIO().save_checkpoint(content, path)


def test_what_is_saved_comes_back_without_running_code(tmp_path: Path) -> None:
    save(tmp_path / "checkpoints" / "last.ckpt")
    content = AtomicCheckpointIO().load_checkpoint(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert torch.equal(content["weights"], SAVED["weights"]) and content["epoch"] == 3
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("there", [True, False])
def test_an_error_while_writing_leaves_what_was_there(there: bool, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "last.ckpt"
    if there:
        save(path)
    before = path.read_bytes() if there else None

    def full(content: dict[str, Any], file: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save(path, {"weights": torch.zeros(6)})
    assert (path.read_bytes() if path.exists() else None) == before
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"] * there


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_killed_in_the_middle_it_is_the_one_before(call: str, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "last.ckpt"
    save(path)
    before = path.read_bytes()
    process = os.fork()
    if process == 0:
        place = os if call == "fsync" else Path
        monkeypatch.setattr(place, call, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        save(path, {"weights": torch.zeros(6)})
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL
    assert path.read_bytes() == before
    save(path, {"weights": torch.zeros(6)})  # over what the kill has left
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize("links", [True, False])
def test_a_copy_stays_what_it_was_when_the_original_is_replaced(links: bool, tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    last, best = tmp_path / "last.ckpt", tmp_path / "best.ckpt"
    save(best, {"weights": torch.ones(1)})
    save(last)
    copy_whole(last, best)
    first = last.read_bytes()
    save(last, {"weights": torch.zeros(6)})
    assert best.read_bytes() == first != last.read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]


@pytest.mark.parametrize("size", [0, 100, -100])
def test_a_damaged_file_is_named(size: int, tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    save(path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=f"{path} is damaged .*; start again, without ckpt=last"):
        AtomicCheckpointIO().load_checkpoint(path, weights_only=True)
