"""`results.jsonl`: rows that are written whole, in order and once, whatever ends the run between them."""

import errno
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from relprop.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Row = dict[str, Any]


class RowFile:
    """The rows of a run, one JSON object per line, appended batch by batch.

    `batches` are the images' indices, batch by batch: what is to come, in this order. Opening the file keeps the whole
    batches at its beginning and cuts off what follows: a line that a crash cut in half, the rows of half a batch, what
    belongs elsewhere. `done` batches and `rows_done` rows are in it; `resumed` rows were when it was opened.
    """

    def __init__(self, path: Path, batches: Sequence[Sequence[int]]) -> None:
        self.path, self.batches = path, batches
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        self.done, self._size = _sound(path, batches)
        os.ftruncate(self._file, self._size)
        self.resumed = self.rows_done

    @property
    def rows_done(self) -> int:
        """How many rows are in the file."""
        return sum(len(indices) for indices in self.batches[: self.done])

    @property
    def total(self) -> int:
        """How many rows there will be."""
        return sum(map(len, self.batches))

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the next batch through to the disk.

        All of it or nothing: raises `UserError` if there is no space, and leaves the file as it was.
        """
        if [row["index"] for row in rows] != list(self.batches[self.done]):
            raise ValueError(f"rows of another batch than number {self.done} are to be appended to {self.path}")
        content = "".join(_line(row) for row in rows).encode()
        try:
            _write(self._file, content)
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            if error.errno not in FULL:
                raise
            raise UserError(
                f"{self.path}: {os.strerror(error.errno)}; {self.rows_done} of {self.total} rows are safe; "
                "make space, then the same command continues there"
            ) from error
        self._size += len(content)
        self.done += 1

    def read(self) -> list[Row]:
        """All rows in the file."""
        with self.path.open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def close(self) -> None:
        """Nothing can be appended after."""
        os.close(self._file)


def _sound(path: Path, batches: Sequence[Sequence[int]]) -> tuple[int, int]:
    """How many batches at the beginning of the file are whole and in order, and how many bytes they take."""
    done = size = 0
    with path.open("rb") as file:
        for indices in batches:
            lines = [file.readline() for _ in indices]
            if [_index(line) for line in lines] != list(indices):
                break
            done, size = done + 1, size + sum(map(len, lines))
    return done, size


def _index(line: bytes) -> int | None:
    """The image's index in a whole row; None if it is none."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return row.get("index") if isinstance(row, dict) else None


def _line(row: Mapping[str, Any]) -> str:
    try:
        return json.dumps(row, allow_nan=False) + "\n"
    except ValueError:
        return json.dumps(finite(row)) + "\n"


def _write(file: int, content: bytes) -> None:
    """One call, unless the system takes less than it was given."""
    while content:
        content = content[os.write(file, content) :]


def finite(value: Any) -> Any:
    """`value` with None for every float that JSON has no number for, also in lists and mappings."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
