"""Rows on the disk, whatever happens to the process or the disk while they are written."""

import errno
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relprop.errors import UserError
from relprop.rows import RowFile, finite

BATCHES = [[0, 3, 4], [7, 8, 9], [12]]


def rows_of(batch: list[int]) -> list[dict[str, object]]:
    return [{"index": i, "score": 1 / (i + 3), "curve": [0.1 * i, 0.2], "name": "α → β"} for i in batch]


def written(path: Path, batches: list[list[int]] = BATCHES) -> bytes:
    file = RowFile(path, BATCHES)
    for batch in batches:
        file.append(rows_of(batch))
    file.close()
    return path.read_bytes()


def test_rows_read_back_as_they_were_appended(tmp_path: Path) -> None:
    content = written(tmp_path / "rows")
    assert [json.loads(line) for line in content.splitlines()] == [row for batch in BATCHES for row in rows_of(batch)]
    again = RowFile(tmp_path / "rows", BATCHES)
    assert again.read() == [row for batch in BATCHES for row in rows_of(batch)]
    assert (again.done, again.resumed, again.rows_done, again.total) == (3, 7, 7, 7)
    again.close()


@settings(max_examples=40, deadline=None)  # each waits for the disk
@given(st.data())
def test_cut_anywhere_and_continued_it_is_the_same_file(tmp_path_factory: pytest.TempPathFactory, data) -> None:
    path = tmp_path_factory.mktemp("cut") / "rows"
    whole = written(path)
    size = data.draw(st.integers(0, len(whole)))
    garbage = data.draw(st.sampled_from([b"", b"\0\0\0\n", b"{}\n", b'{"index": 3}\n', b"[]\n", b"\xff\n", b"7\n"]))
    path.write_bytes(whole[:size] + garbage)
    file = RowFile(path, BATCHES)
    lines = whole.splitlines(keepends=True)
    ends = [sum(map(len, lines[:count])) for count in (3, 6, 7)]
    assert file.done == sum(end <= size for end in ends)
    assert path.read_bytes() == whole[: ends[file.done - 1] if file.done else 0]
    for batch in BATCHES[file.done :]:
        file.append(rows_of(batch))
    file.close()
    assert path.read_bytes() == whole


def test_rows_of_other_images_and_those_behind_them_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    lines = written(path).splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[4], lines[3], *lines[5:]]))
    file = RowFile(path, BATCHES)
    assert (file.done, path.read_bytes()) == (1, b"".join(lines[:3]))
    file.close()
    path.write_bytes(b"".join([*lines, lines[-1]]))  # nothing belongs behind the last batch
    RowFile(path, BATCHES).close()
    assert path.read_bytes() == b"".join(lines)


def test_only_the_next_batch_can_be_appended(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows", BATCHES)
    for wrong in (BATCHES[1], [0, 4, 3], BATCHES[0][:2]):
        with pytest.raises(ValueError, match="rows of another batch than number 0"):
            file.append(rows_of(wrong))
    file.close()
    assert (tmp_path / "rows").read_bytes() == b""


def test_a_batch_is_one_write_that_has_reached_the_disk(tmp_path: Path, monkeypatch) -> None:
    calls: list[str] = []
    write, fsync = os.write, os.fsync
    monkeypatch.setattr(os, "write", lambda *args: (calls.append("write"), write(*args))[1])
    monkeypatch.setattr(os, "fsync", lambda *args: (calls.append("fsync"), fsync(*args))[1])
    written(tmp_path / "rows")
    assert calls == ["write", "fsync"] * 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_full_disk_leaves_whole_batches_and_says_so(code: int, call: str, tmp_path: Path, monkeypatch) -> None:
    """The system takes half of a batch, then no more."""
    path, whole = tmp_path / "rows", written(tmp_path / "whole")
    file = RowFile(path, BATCHES)
    file.append(rows_of(BATCHES[0]))
    before, write, taken = path.read_bytes(), os.write, []

    def full(descriptor: int, *content: bytes) -> int:
        if content and not taken:
            taken.append(write(descriptor, content[0][: len(content[0]) // 2]))
            return taken[0]
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full if call == "write" else write)
        if call == "fsync":
            patch.setattr(os, "fsync", full)
        said = rf"{re.escape(str(path))}: {os.strerror(code)}; 3 of 7 rows are safe; make space, then the same command"
        with pytest.raises(UserError, match=said):
            file.append(rows_of(BATCHES[1]))
    assert path.read_bytes() == before
    assert bool(taken) == (call == "write")
    for batch in BATCHES[1:]:
        file.append(rows_of(batch))
    file.close()
    assert path.read_bytes() == whole


def test_other_trouble_with_the_disk_leaves_whole_batches_too(tmp_path: Path, monkeypatch) -> None:
    file = RowFile(tmp_path / "rows", BATCHES)

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="broken"):
        file.append(rows_of(BATCHES[0]))
    file.close()
    assert (tmp_path / "rows").read_bytes() == b""


def test_limit_of_the_system_on_the_size_of_files(tmp_path: Path) -> None:
    """RLIMIT_FSIZE lets a write end in the middle of a line, as a full disk does; the signal it sends is ignored."""
    code = (
        "import resource, sys; from pathlib import Path; from relprop.rows import RowFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))\n"
        "file = RowFile(Path('rows'), [[i] for i in range(9)])\n"
        "for i in range(9): file.append([{'index': i, 'text': 'x' * 70}])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "rows: File too large; 3 of 9 rows are safe" in run.stderr.splitlines()[-1]
    lines = (tmp_path / "rows").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2]


def test_what_json_has_no_number_for_is_null(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "rows", [[0]])
    file.append([{"index": 0, "score": math.nan, "curve": [1.0, math.inf], "inner": {"a": -math.inf, "b": "NaN"}}])
    file.close()
    row = json.loads((tmp_path / "rows").read_text(), parse_constant=pytest.fail)
    assert row == {"index": 0, "score": None, "curve": [1.0, None], "inner": {"a": None, "b": "NaN"}}
    assert finite((1, 2.5, None, True)) == [1, 2.5, None, True]
