"""A table of texts and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from relprop.errors import UserError
from relprop.tables.values import Absent, Value, shown

Better = Literal["higher", "lower"]
_ARROWS: Mapping[Better, str] = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Column:
    """A column's header, and how its numbers are written: a format specification such as ".2f".

    `group` is a header over adjacent columns that have the same. `better` says which numbers are, so that the best and
    the second best are marked; None marks none.
    """

    name: str
    format: str = ""
    group: str = ""
    better: Better | None = None

    @property
    def title(self) -> str:
        """The name, and where better numbers are: "deletion ↓"."""
        return f"{self.name} {_ARROWS[self.better]}" if self.better else self.name

    def within_group(self, name: str) -> str:
        """`name` behind the group's, where there is no line for it: "strict: deletion ↓"."""
        return f"{self.group}: {name}" if self.group else name


@dataclass(frozen=True)
class Table:
    """Rows of values under columns; None is a value that there is not. `caption` says what it shows, `note` how.

    `sections`: headings between the rows, by the index of the row that each stands above; the best value is that of
    its section. Raises `UserError` if a row has not one value for each column, or a section no row.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]
    caption: str = ""
    note: str = ""
    sections: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise UserError(f"row {number} has {len(row)} values, but there are {len(self.columns)} columns")
        for index, heading in self.sections.items():
            if index not in range(len(self.rows)):
                raise UserError(f"section {heading!r} stands above row {index}; there are {len(self.rows)}, from 0")

    def cells(self) -> list[list[str]]:
        """What stands in the rows, as plain text."""
        return [
            [shown(value, column.format) for column, value in zip(self.columns, row, strict=True)] for row in self.rows
        ]

    def is_numeric(self, place: int) -> bool:
        """Whether a column has no texts, so that it is aligned to the right."""
        return not any(isinstance(row[place], str) for row in self.rows)

    def groups(self) -> list[tuple[str, int]]:
        """The columns' groups from left to right, "" for none, and how many adjacent columns each spans."""
        return [(group, len(list(columns))) for group, columns in groupby(self.columns, lambda column: column.group)]

    def blocks(self) -> list[tuple[str, range]]:
        """The sections' headings with their rows' indices; rows above the first heading have ""."""
        starts = sorted({0, *self.sections})
        ends = [*starts[1:], len(self.rows)]
        return [(self.sections.get(start, ""), range(start, end)) for start, end in zip(starts, ends, strict=True)]

    def notes(self) -> list[str]:
        """What stands below: the note, and why values are absent, each reason once."""
        absent = [value for row in self.rows for value in row if isinstance(value, Absent) and value.reason]
        reasons = dict.fromkeys(f"{value.word}: {value.reason}" for value in absent)
        return [*([self.note] if self.note else []), *reasons]
