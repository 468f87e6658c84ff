"""Headers, blocks, marks, and what a cell is sorted by."""

import math

from relprop.report import Section
from relprop.report.grid import Cell, Header, grid
from relprop.tables import Absent, Column, Spread, Table
from tests.report.pages import METHODS, scores

NUMBERS = {method: number for number, method in enumerate(METHODS)}


def test_headers_stand_below_their_groups() -> None:
    columns = [
        Column("a"),
        Column("b", group="g"),
        Column("c", group="g", better="lower"),
        Column("d"),
        Column("e", group="h"),
    ]
    made = grid(Section("", Table(columns, [["m", 1, 2, "x", 3]])), {"m": 0})
    assert made.headers == [
        [
            Header("a", 1, 2, 0, False, "ascending"),
            Header("g", 2, 1, None, True, ""),
            Header("d", 1, 2, 3, False, "ascending"),
            Header("h", 1, 1, None, True, ""),
        ],
        [
            Header("b", 1, 1, 1, True, "ascending"),
            Header("c ↓", 1, 1, 2, True, "ascending"),
            Header("e", 1, 1, 4, True, "ascending"),
        ],
    ]


def test_without_groups_there_is_one_line_of_headers() -> None:
    made = grid(Section("", Table([Column("a"), Column("b", better="higher")], [["m", 1]])), {"m": 0})
    assert made.headers == [[Header("a", 1, 1, 0, False, "ascending"), Header("b ↑", 1, 1, 1, True, "descending")]]
    assert made.width == 2


def test_blocks_hold_rows_with_their_methods() -> None:
    made = grid(Section("", scores()), NUMBERS)
    assert [(heading, [row.method for row in rows]) for heading, rows in made.blocks] == [
        ("first", [0, 1, 2, 3, 4]),
        ("last", [5]),
    ]


def test_cells_say_what_they_are() -> None:
    values = [
        Spread(0.25, 0.125, (0.2, 0.3)),
        Spread(0.5, 0.1),
        Spread(0.75, None, (0.7, 0.8)),
        0.1,
        math.inf,
        -math.inf,
        None,
        math.nan,
        Absent("failed", "no memory"),
        "text",
    ]
    columns = [Column("score", ".2f", better="higher"), Column("method")]
    made = grid(Section("", Table(columns, [[value, "m"] for value in values]), method_column=1), {"m": 0})
    assert [row.cells[0] for row in made.blocks[0][1]] == [
        Cell("0.25", "± 0.12", "[0.20, 0.30]", "", "0.25", "number", ""),
        Cell("0.50", "± 0.10", "", "", "0.5", "number", ""),
        Cell("0.75", "", "[0.70, 0.80]", "", "0.75", "number", "second"),
        Cell("0.10", "", "", "", "0.1", "number", ""),
        Cell("inf", "", "", "", "Infinity", "number", "best"),
        Cell("-inf", "", "", "", "-Infinity", "number", ""),
        Cell("–", "", "", "", "", "absent", ""),
        Cell("–", "", "", "", "", "absent", ""),
        Cell("failed", "", "", "no memory", "", "absent", ""),
        Cell("text", "", "", "", "", "text", ""),
    ]
