import math

import pytest

from relprop.tables import Absent, Spread, Value, parts, shown
from relprop.tables.values import number_of


@pytest.mark.parametrize(
    ("value", "spec", "text"),
    [
        ("50 %", ".2f", "50 %"),
        (3, "", "3"),
        (1000, ",", "1,000"),
        (2 / 3, ".3f", "0.667"),
        (0.125, ".1%", "12.5%"),
        (None, ".3f", "–"),
        (math.nan, ".3f", "–"),
        (Absent(), ".3f", "–"),
        (Absent("failed", "why"), ".3f", "failed"),
        (Spread(0.6119, 0.2431, (0.5899, 0.635)), ".3f", "0.612 ± 0.243 [0.590, 0.635]"),
        (Spread(0.6119, None, (-0.5, 0.635)), ".2f", "0.61 [-0.50, 0.64]"),
        (Spread(0.6119, 0.2431), ".1f", "0.6 ± 0.2"),
        (Spread(0.6119, None), ".1f", "0.6"),
        (Spread(math.nan, 0.1, (0.0, 1.0)), ".1f", "–"),
    ],
)
def test_text(value: Value, spec: str, text: str) -> None:
    assert shown(value, spec) == text
    assert "".join(parts(value, spec)) == text


@pytest.mark.parametrize(
    ("number", "spec", "text"),
    [
        (-0.001, ".2f", "0.00"),
        (-0.0, "", "0.0"),
        (-0.0, ".1e", "0.0e+00"),
        (-0.0001, ".1%", "0.0%"),
        (-0.01, ".2f", "-0.01"),
        (-10.0, ".0f", "-10"),
        (-0.5, "", "-0.5"),
        (-1e-7, ".3g", "-1e-07"),
    ],
)
def test_zero_has_no_sign(number: float, spec: str, text: str) -> None:
    assert shown(number, spec) == text


def test_spread_and_interval_stand_behind_the_number() -> None:
    assert parts(Spread(1.0, 2.0, (0.5, 1.5)), ".1f") == ("1.0", " ± 2.0 [0.5, 1.5]")
    assert parts(1.0, ".1f") == ("1.0", "")


def test_the_number_is_that_of_a_number_or_a_mean() -> None:
    values: list[Value] = [3, 0.5, Spread(-0.5, 9.0), math.nan, Spread(math.nan, None), None, Absent("failed"), "1"]
    assert [number_of(value) for value in values] == [3, 0.5, -0.5, None, None, None, None, None]
