"""Which values are the best."""

from collections.abc import Sequence

from relprop.tables.table import Column, Table
from relprop.tables.values import Value, number_of, parts

BEST, SECOND = 1, 2


def ranks(table: Table) -> list[list[int | None]]:
    """For every cell (row, column) its rank among those of its column and section, 1 for the best; None for no rank.

    A rank is one more than the number of better values, so that two best ones are followed by a third. Values count as
    they are written: those that look alike have the same rank. None have texts, what is absent or NaN, a column
    without a direction, and a single number, which has nothing to be better than.
    """
    ranked: list[list[int | None]] = [[None] * len(table.columns) for _ in table.rows]
    for _, rows in table.blocks():
        for place, column in enumerate(table.columns):
            for row, rank in zip(rows, _ranks([table.rows[row][place] for row in rows], column), strict=True):
                ranked[row][place] = rank
    return ranked


def _ranks(values: Sequence[Value], column: Column) -> list[int | None]:
    sign = {"higher": 1, "lower": -1, None: 0}[column.better]
    scores = [None if (number := number_of(value)) is None else sign * number for value in values]
    if not sign or sum(score is not None for score in scores) < 2:
        return [None] * len(values)
    texts = [parts(value, column.format)[0] for value in values]
    there = [(score, text) for score, text in zip(scores, texts, strict=True) if score is not None]
    return [
        None if score is None else 1 + sum(other > score and written != text for other, written in there)
        for score, text in zip(scores, texts, strict=True)
    ]
