"""A table as the page shows it: headers over groups, blocks of rows, and what each cell is sorted by."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from relprop.report.page import Section
from relprop.tables import BEST, SECOND, Absent, Spread, Value, parts, ranks
from relprop.tables.table import Column
from relprop.tables.values import number_of

_MARKS: Mapping[int | None, str] = {BEST: "best", SECOND: "second"}


@dataclass(frozen=True)
class Header:
    """A header cell over `span` columns and `rows` rows of headers; `place`: the column it sorts by, None of a group.

    `first` is the direction of the first click: the better values come first.
    """

    text: str
    span: int
    rows: int
    place: int | None
    numeric: bool
    first: str


@dataclass(frozen=True)
class Cell:
    """A value's text, ± deviation and interval; `order` is the number it is sorted by, "" of texts and absent ones."""

    text: str
    deviation: str
    interval: str
    reason: str
    order: str
    kind: str
    mark: str


@dataclass(frozen=True)
class Row:
    """Cells, and the number of the row's method."""

    method: int
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Grid:
    """Lines of headers, and blocks of rows with their headings, "" for none."""

    headers: Sequence[Sequence[Header]]
    blocks: Sequence[tuple[str, Sequence[Row]]]
    width: int


def grid(section: Section, numbers: Mapping[str, int]) -> Grid:
    """The section's table; `numbers`: those of the methods."""
    table = section.table
    ranked = ranks(table)
    rows = [
        Row(numbers[method], [_cell(*cell) for cell in zip(values, table.columns, ranks_of_row, strict=True)])
        for method, values, ranks_of_row in zip(section.row_methods(), table.rows, ranked, strict=True)
    ]
    blocks = [(heading, [rows[index] for index in indices]) for heading, indices in table.blocks()]
    return Grid(_headers(section), blocks, len(table.columns))


def _headers(section: Section) -> list[list[Header]]:
    """One line, or two where columns have groups: columns without one then stand in both."""
    table = section.table
    grouped = any(column.group for column in table.columns)
    lines: list[list[Header]] = [[], []] if grouped else [[]]
    place = 0
    for group, span in table.groups():
        if group:
            lines[0].append(Header(group, span, 1, None, True, ""))
        for column in table.columns[place : place + span]:
            line, rows = (lines[-1], 1) if group else (lines[0], len(lines))
            first = "descending" if column.better == "higher" else "ascending"
            line.append(Header(column.title, 1, rows, place, table.is_numeric(place), first))
            place += 1
    return lines


def _cell(value: Value, column: Column, rank: int | None) -> Cell:
    text, behind = parts(value, column.format)
    deviation = parts(replace(value, interval=None), column.format)[1] if isinstance(value, Spread) else ""
    number = number_of(value)
    return Cell(
        text=text,
        deviation=deviation.strip(),
        interval=behind.removeprefix(deviation).strip(),
        reason=value.reason if isinstance(value, Absent) else "",
        order="" if number is None else json.dumps(float(number)),  # which has "Infinity", as the page's script has
        kind="text" if isinstance(value, str) else "absent" if number is None else "number",
        mark=_MARKS.get(rank, ""),
    )
