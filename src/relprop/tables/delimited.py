"""A table for other programs: comma-separated values."""

import csv
import io
from collections.abc import Callable, Mapping
from itertools import chain
from types import MappingProxyType

from relprop.tables.table import Table
from relprop.tables.values import ABSENT, Absent, Spread, Value

_SPREAD: Mapping[str, Callable[[Spread], float | None]] = MappingProxyType(
    {
        "mean": lambda value: value.mean,
        "std": lambda value: value.std,
        "low": lambda value: value.interval and value.interval[0],
        "high": lambda value: value.interval and value.interval[1],
    }
)


def to_csv(table: Table) -> str:
    """Numbers in full precision; mean, standard deviation and the ends of the interval in columns of their own.

    The columns `low` and `high` are there if any row has an interval, and `section` if the table has sections.
    """
    fields = [_fields(table, place) for place in range(len(table.columns))]
    header = [
        f"{column.within_group(column.name)} {name}".rstrip()
        for column, names in zip(table.columns, fields, strict=True)
        for name in names
    ]
    lines = [[*(["section"] if table.sections else []), *header]]
    for heading, rows in table.blocks():
        for row in rows:
            cells = [_cells(value, names) for value, names in zip(table.rows[row], fields, strict=True)]
            lines.append([*([heading] if table.sections else []), *chain.from_iterable(cells)])
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def _fields(table: Table, place: int) -> list[str]:
    """What a column is divided into; a single nameless one if it has plain values only."""
    spreads = [value for row in table.rows if isinstance(value := row[place], Spread)]
    if not spreads:
        return [""]
    return [*_SPREAD] if any(value.interval for value in spreads) else ["mean", "std"]


def _cells(value: Value, names: list[str]) -> list[str]:
    if isinstance(value, Spread):
        return ["" if (number := _SPREAD[name](value)) is None else repr(float(number)) for name in names]
    return [_plain(value), *[""] * (len(names) - 1)]


def _plain(value: str | int | float | Absent | None) -> str:
    """A text as it is; a value that there is not is empty, unless a word says more."""
    if isinstance(value, Absent):
        return "" if value.word == ABSENT else value.word
    return "" if value is None else value if isinstance(value, str) else repr(value)
