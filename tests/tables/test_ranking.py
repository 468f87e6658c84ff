"""Ranks against their definition, and what has none."""

import math
import random

import pytest
from scipy.stats import rankdata

from relprop.tables import Absent, Column, Spread, Table, Value, ranks
from relprop.tables.table import Better
from tests.tables.examples import SCORES


def ranked(values: list[Value], better: Better | None = "higher", spec: str = ".2f") -> list[int | None]:
    return [rank for (rank,) in ranks(Table([Column("a", spec, better=better)], [[value] for value in values]))]


@pytest.mark.parametrize("seed", range(5))
def test_ranks_are_competition_ranks_of_the_rounded_values(seed: int) -> None:
    """scipy's `rankdata` ranks upwards; of the numbers as written, parsed back."""
    generator = random.Random(seed)
    values = [generator.uniform(-0.2, 0.2) for _ in range(30)]
    rounded = [float(f"{value:.2f}") for value in values]
    assert ranked([*values], "lower") == rankdata(rounded, "min").tolist()
    assert ranked([*values], "higher") == rankdata([-value for value in rounded], "min").tolist()


def test_ties_at_the_top_leave_no_second() -> None:
    assert ranked([0.611, 0.5, 0.612, 0.499]) == [1, 3, 1, 3]
    assert ranked([0.3, 0.3, 0.1, 0.2], "lower") == [3, 3, 1, 2]


def test_means_are_ranked_whatever_their_spread() -> None:
    assert ranked([Spread(0.5, 0.9, (0.1, 0.9)), 0.75, Spread(1.0, None)]) == [3, 2, 1]


def test_zeros_look_alike_from_both_sides() -> None:
    assert ranked([-0.001, 0.001, -0.5]) == [1, 1, 3]


def test_what_is_no_number_has_no_rank() -> None:
    assert ranked([1.0, None, math.nan, Absent("failed"), Spread(math.nan, None), "9", 2.0]) == [
        *[2, None, None, None, None, None, 1]
    ]


def test_a_single_number_has_nothing_to_be_better_than() -> None:
    assert ranked([1.0, None, Absent("failed")]) == [None, None, None]


def test_a_column_without_direction_has_no_ranks() -> None:
    assert ranked([1.0, 2.0], better=None) == [None, None]


def test_every_column_has_its_own_direction_and_every_section_its_best() -> None:
    assert ranks(SCORES) == [
        [None, 1, 3, 1, None],
        [None, 1, 1, None, None],
        [None, None, 1, 2, None],
        [None, None, 1, None, None],
        [None, None, 2, None, None],
    ]
