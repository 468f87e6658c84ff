"""A table on the terminal."""

from typing import Literal

import rich.table
from rich.text import Text

from relprop.tables.ranking import BEST, SECOND, ranks
from relprop.tables.table import Column, Table
from relprop.tables.values import Value, parts

_STYLES = {BEST: "bold", SECOND: "underline"}


def to_terminal(table: Table) -> rich.table.Table:
    """For rich's `Console`; a group stands above each of its columns' names."""
    shape = rich.table.Table(title=Text(table.caption) if table.caption else None)
    for place, column in enumerate(table.columns):
        side: Literal["left", "right"] = "right" if table.is_numeric(place) else "left"
        header = Text("\n".join(part for part in (column.group, column.title) if part))
        shape.add_column(header, justify=side, overflow="fold", no_wrap=place == 0, vertical="bottom")
    ranked = ranks(table)
    for heading, rows in table.blocks():
        if heading:
            shape.add_section()
            shape.add_row(Text(heading, style="bold"))
        for row in rows:
            cells = zip(table.rows[row], table.columns, ranked[row], strict=True)
            shape.add_row(*(_cell(*cell) for cell in cells))
    return shape


def _cell(value: Value, column: Column, rank: int | None) -> Text:
    text, behind = parts(value, column.format)
    return Text(text, style=_STYLES.get(rank or 0, "")).append(behind, style="not bold not underline")
