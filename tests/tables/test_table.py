"""What a table says of itself, whatever its form."""

import pytest

from relprop.errors import UserError
from relprop.tables import Absent, Column, Spread, Table
from tests.tables.examples import PLAIN, SCORES


def test_every_row_has_a_value_for_each_column() -> None:
    with pytest.raises(UserError, match="row 2 has 1 values, but there are 2 columns"):
        Table([Column("a"), Column("b")], [[1, 2], [3]])


@pytest.mark.parametrize("index", [-1, 2])
def test_every_section_stands_above_a_row(index: int) -> None:
    with pytest.raises(UserError, match=f"section 'b' stands above row {index}; there are 2, from 0"):
        Table([Column("a")], [[1], [2]], sections={0: "a", index: "b"})


def test_cells_are_plain_text() -> None:
    assert PLAIN.cells() == [["a|b_c", "1.00 ± 0.25", "3"], ["d", "-2.00", "–"], ["e", "–", "4"], ["f", "–", "5"]]


def test_texts_are_aligned_to_the_left_and_words_for_absent_values_among_numbers_to_the_right() -> None:
    table = Table([Column("a"), Column("b"), Column("c")], [["x", 1, None], [2, Absent("failed"), Spread(1, None)]])
    assert [table.is_numeric(place) for place in range(3)] == [False, True, True]


def test_the_direction_stands_behind_the_name_and_the_group_before_it() -> None:
    columns = [Column("a"), Column("a", better="higher"), Column("a", better="lower", group="g")]
    assert [column.title for column in columns] == ["a", "a ↑", "a ↓"]
    assert [column.within_group(column.title) for column in columns] == ["a", "a ↑", "g: a ↓"]


def test_groups_span_adjacent_columns_only() -> None:
    table = Table([Column(str(place), group=group) for place, group in enumerate(["", "a", "a", "b", "", "", "a"])], [])
    assert table.groups() == [("", 1), ("a", 2), ("b", 1), ("", 2), ("a", 1)]


def test_sections_hold_the_rows_from_their_heading_to_the_next() -> None:
    assert SCORES.blocks() == [("ResNet-20", range(0, 3)), ("ResNet_56", range(3, 5))]
    assert PLAIN.blocks() == [("", range(0, 4))]
    late = Table([Column("a")], [[1], [2], [3]], sections={2: "c", 1: "b"})
    assert late.blocks() == [("", range(0, 1)), ("b", range(1, 2)), ("c", range(2, 3))]
    assert Table([Column("a")], []).blocks() == [("", range(0, 0))]


def test_every_reason_is_noted_once() -> None:
    values = [[Absent("failed", "x")], [Absent("failed", "y")], [Absent()], [Absent("failed", "x")], [Absent("gone")]]
    assert Table([Column("a")], values, note="note").notes() == ["note", "failed: x", "failed: y"]
    assert Table([Column("a")], [[1]]).notes() == []
