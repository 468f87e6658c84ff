import re
from typing import Any

import numpy as np
import pytest

from relprop.visualization.columns import check_rows, column, fractions_of, table

ROWS = [
    {"protocol": "strict", "area": 0.5, "at": [0.0, 1.0], "curve": [1, 2]},
    {"area": 1, "at": [0, 1], "curve": [3, 4]},
]


def test_columns_and_tables_are_the_numbers_of_all_rows_in_order() -> None:
    np.testing.assert_array_equal(column(ROWS, "area"), [0.5, 1])
    np.testing.assert_array_equal(table(ROWS, "curve", "at"), [[1, 2], [3, 4]])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_is_refused_by_its_row(value: Any) -> None:
    bad = [ROWS[0], {**ROWS[1], "area": value, "curve": [3, value]}]
    with pytest.raises(ValueError, match=re.escape("rows[1] has NaN or infinite values in area")):
        column(bad, "area")
    with pytest.raises(ValueError, match=re.escape("rows[1] has NaN or infinite values in curve")):
        table(bad, "curve", "at")


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("rows[1] has 1 points in curve and 2 at")):
        table([ROWS[0], {**ROWS[1], "curve": [3]}], "curve", "at")


def test_missing_and_differing_keys_are_refused() -> None:
    check_rows(ROWS, ["area"], ["at"])
    with pytest.raises(ValueError, match=re.escape("rows[1] lacks protocol; needed are area, protocol")):
        check_rows(ROWS, ["area", "protocol"], [])
    with pytest.raises(ValueError, match=re.escape("rows[1] and rows[0] differ in protocol")):
        check_rows(ROWS, [], ["protocol"])
    with pytest.raises(ValueError, match="rows is empty"):
        check_rows([], [], [])


@pytest.mark.parametrize("fractions", [[0, 0.5, 1], [0.1, 0.2], [0, 1, 1]])
def test_fractions_may_end_early_and_stand_still(fractions: list[float]) -> None:
    np.testing.assert_array_equal(fractions_of([{"fractions": fractions}]), fractions)


@pytest.mark.parametrize("fractions", [[], [0.5], [0, 0], [0, 0.6, 0.5], [-0.1, 1], [0, 1.1], [0, float("nan"), 1]])
def test_other_fractions_are_refused(fractions: list[float]) -> None:
    with pytest.raises(ValueError, match=re.escape("rows[0] must have fractions that rise")):
        fractions_of([{"fractions": fractions}])
