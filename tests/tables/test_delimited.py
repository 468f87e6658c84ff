import csv
import io

from relprop.tables import Absent, Column, Spread, Table, to_csv
from tests.tables.examples import PLAIN, SCORES


def read(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_csv(table)), strict=True))


def test_numbers_have_full_precision_and_standard_deviations_a_column_of_their_own() -> None:
    assert read(PLAIN) == [
        ["name", "score mean", "score std", "n"],
        ["a|b_c", "1.005", "0.25", "3"],
        ["d", "-2.0", "", ""],
        ["e", "", "", "4"],
        ["f", "nan", "", "5"],
    ]
    third = read(Table([Column("a, b")], [[1 / 3]]))
    assert third[0] == ["a, b"]
    assert float(third[1][0]) == 1 / 3


def test_intervals_groups_and_sections_have_columns_and_ranks_have_none() -> None:
    assert read(SCORES) == [
        [
            *["section", "method", "strict: insertion mean", "strict: insertion std", "strict: insertion low"],
            *["strict: insertion high", "strict: deletion", "otsuki2024: insertion", "n"],
        ],
        ["ResNet-20", "lrp", "0.61", "0.24", "0.59", "0.63", "0.25", "0.7", "1000"],
        ["ResNet-20", "[ours]", "0.614", "", "0.6", "0.62", "-0.001", "", "1000"],
        ["ResNet-20", "rise", "failed", "", "", "", "0.004", "-0.713", "1000"],
        ["ResNet_56", "lrp", "0.4", "0.1", "0.3", "0.5", "0.5", "1.25", "20"],
        ["ResNet_56", "rise", "failed", "", "", "", "0.75", "", "20"],
    ]


def test_the_ends_of_intervals_are_there_if_any_row_has_them() -> None:
    some = Table([Column("a")], [[Spread(1, None)], [Spread(2, None, (1, 3))], [None], [5], [Absent("failed", "x")]])
    assert read(some) == [
        ["a mean", "a std", "a low", "a high"],
        ["1.0", "", "", ""],
        ["2.0", "", "1.0", "3.0"],
        ["", "", "", ""],
        ["5", "", "", ""],
        ["failed", "", "", ""],
    ]
