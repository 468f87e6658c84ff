"""A table as GitHub's Markdown has it."""

import re

from relprop.tables.ranking import BEST, SECOND, ranks
from relprop.tables.table import Column, Table
from relprop.tables.values import Value, parts

# <ins> is underlined wherever HTML is; GitHub takes <u> away.
_MARKS = {BEST: "**{}**", SECOND: "<ins>{}</ins>"}


def to_markdown(table: Table) -> str:
    """Caption above and notes below; a group stands before its columns' names, since headers span no columns there."""
    header = [_escape(column.within_group(column.title)) for column in table.columns]
    rule = ["---:" if table.is_numeric(place) else "---" for place in range(len(header))]
    ranked = ranks(table)
    lines = [header, rule]
    for heading, rows in table.blocks():
        if heading:
            lines.append([f"**{_escape(heading)}**", *[""] * (len(header) - 1)])
        for row in rows:
            cells = zip(table.rows[row], table.columns, ranked[row], strict=True)
            lines.append([_cell(*cell) for cell in cells])
    grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join(part for part in (_escape(table.caption), grid, *map(_escape, table.notes())) if part) + "\n"


def _cell(value: Value, column: Column, rank: int | None) -> str:
    if isinstance(value, str):
        return _escape(value)
    text, behind = parts(value, column.format)
    return _MARKS.get(rank or 0, "{}").format(_escape(text)) + behind


def _escape(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\|*_`<\[])", r"\\\1", " ".join(text.split()))
