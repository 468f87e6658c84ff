"""A table of texts and numbers, and its forms but LaTeX."""

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import rich.table
from rich.text import Text

from relprop.errors import UserError

ABSENT = "–"


@dataclass(frozen=True)
class Spread:
    """A mean with its sample standard deviation, which a single value has not."""

    mean: float
    std: float | None


Value: TypeAlias = str | int | float | Spread | None


@dataclass(frozen=True)
class Column:
    """A column's header, and how its numbers are written: a format specification such as ".2f"."""

    name: str
    format: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of values under columns; None is a value that there is not. `caption` says what it shows, `note` how.

    Raises `UserError` if a row has not one value for each column.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    caption: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise UserError(f"row {number} has {len(row)} values, but there are {len(self.columns)} columns")

    def cells(self) -> list[list[str]]:
        """What stands in the rows, as plain text."""
        return [[shown(value, column.format) for column, value in self._cells(row)] for row in self.rows]

    def is_numeric(self, place: int) -> bool:
        """Whether a column has numbers only, which are aligned to the right."""
        return not any(isinstance(row[place], str) for row in self.rows)

    def _cells(self, row: Sequence[Value]) -> Iterator[tuple[Column, Value]]:
        return zip(self.columns, row, strict=True)


def shown(value: Value, spec: str) -> str:
    """A value as plain text: a number by its format, mean ± standard deviation by the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, Spread):
        std = "" if value.std is None else f" ± {value.std:{spec}}"
        return ABSENT if math.isnan(value.mean) else f"{value.mean:{spec}}{std}"
    return ABSENT if value is None or math.isnan(value) else format(value, spec)


def to_markdown(table: Table) -> str:
    """A table as GitHub's Markdown has it, caption above and note below."""
    header = [column.name for column in table.columns]
    rule = ["---:" if table.is_numeric(place) else "---" for place in range(len(header))]
    lines = [[*map(_escape, header)], rule, *([*map(_escape, row)] for row in table.cells())]
    grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join(part for part in (_escape(table.caption), grid, _escape(table.note)) if part) + "\n"


def to_csv(table: Table) -> str:
    """For other programs: numbers in full precision, mean and standard deviation in columns of their own."""
    places = range(len(table.columns))
    spread = {place for place in places if any(isinstance(row[place], Spread) for row in table.rows)}
    names = [(table.columns[place].name, place in spread) for place in places]
    header = [cell for name, wide in names for cell in ([f"{name} mean", f"{name} std"] if wide else [name])]
    rows = [[cell for place in places for cell in _plain(row[place], place in spread)] for row in table.rows]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return file.getvalue()


def to_terminal(table: Table) -> rich.table.Table:
    """For rich's `Console`."""
    shape = rich.table.Table(title=Text(table.caption) if table.caption else None)
    for place, column in enumerate(table.columns):
        side: Literal["left", "right"] = "right" if table.is_numeric(place) else "left"
        shape.add_column(Text(column.name), justify=side, overflow="fold", no_wrap=place == 0)
    for row in table.cells():
        shape.add_row(*map(Text, row))
    return shape


def _plain(value: Value, wide: bool) -> list[str]:
    """A value's cells in a CSV file."""
    if isinstance(value, Spread):
        return [repr(float(value.mean)), "" if value.std is None else repr(float(value.std))]
    cell = "" if value is None else value if isinstance(value, str) else repr(value)
    return [cell, ""] if wide else [cell]


def _escape(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\|*_`<\[])", r"\\\1", " ".join(text.split()))
