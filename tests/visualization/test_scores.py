import math

import numpy as np
import pytest

from relprop.visualization.scores import Estimate, best, estimates_of, named, written


def test_estimates_are_rows_and_none_is_nan() -> None:
    expected = [[1, 0.5, 2], [math.nan] * 3, [3, math.nan, math.nan]]
    np.testing.assert_array_equal(estimates_of([(1, 0.5, 2), None, (3, None, None)], "a"), expected)
    assert estimates_of([], "a").shape == (0, 3)


@pytest.mark.parametrize(
    "estimate", [(math.nan, 0.0, 1.0), (1.0, math.inf, math.inf), (1.0, 0.5, None), (1.0, None, 1.5), (1.0, 2.0, 1.5)]
)
def test_estimates_that_cannot_be_are_refused(estimate: Estimate) -> None:
    with pytest.raises(ValueError, match=r"strict\[1\] must be a finite \(mean, low, high\) with low ≤ high"):
        estimates_of([(1.0, 0.5, 2.0), estimate], "strict")


def test_the_best_are_those_that_look_like_the_best() -> None:
    values = np.array([[0.612, 0.6124, math.nan], [0.613, 0.1, 0.6116]])
    assert best(values, "higher", ".2f").tolist() == [[True, True, False], [True, False, True]]
    assert best(values, "higher", ".3f").tolist() == [[False, False, False], [True, False, False]]
    assert best(values, "lower", ".3f").tolist() == [[False, False, False], [False, True, False]]


def test_nothing_is_best_without_a_direction_or_another_value() -> None:
    assert not best(np.array([1.0, 2.0]), None, ".3f").any()
    assert not best(np.array([1.0, math.nan]), "higher", ".3f").any()


@pytest.mark.parametrize(
    ("value", "text"), [(-0.25, "−0.250"), (-0.0004, "0.000"), (-0.0, "0.000"), (0.0625, "0.062"), (-10.0, "−10.000")]
)
def test_numbers_have_a_true_minus_and_zero_none(value: float, text: str) -> None:
    assert written(value, ".3f") == text


def test_an_arrow_says_where_better_is() -> None:
    assert [named("a", "higher"), named("a", "lower"), named("a", None)] == ["a ↑", "a ↓", "a"]
