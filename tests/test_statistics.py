import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relprop.results import summarize
from relprop.statistics import describe, holm, signed_rank_p

# Heights of Darwin's crossed minus self-fertilised maize, in eighths of an inch (Fisher 1935, "The Design of
# Experiments", §17); their signed-rank sum is 24 and its exact p in two-sided tables for n = 15 is 0.0413.
MAIZE = [6.0, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]


def midranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    return [sum(v < value for v in values) + (sum(v == value for v in values) + 1) / 2 for value in values]


def literal_p(differences: Sequence[float]) -> float:
    """Share of all ways to sign the ranks whose sum is at least as far from the middle as the observed one."""
    ranks = midranks([abs(d) for d in differences])
    middle = sum(ranks) / 2
    observed = abs(sum(rank for rank, d in zip(ranks, differences, strict=True) if d > 0) - middle)
    sums = (sum(itertools.compress(ranks, signs)) for signs in itertools.product((0, 1), repeat=len(ranks)))
    return sum(abs(total - middle) >= observed - 1e-9 for total in sums) / 2 ** len(ranks)


def test_textbook_example() -> None:
    assert signed_rank_p(MAIZE) == pytest.approx(0.041259765625)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-6, 6).filter(bool), min_size=1, max_size=8))
def test_small_samples_are_exact_with_and_without_ties(differences: list[int]) -> None:
    assert signed_rank_p(differences) == pytest.approx(literal_p(differences))


def test_large_samples_with_ties_take_the_normal_approximation() -> None:
    differences = (np.random.default_rng(0).integers(-5, 9, 200) * 0.5).tolist()
    others = [d for d in differences if d]
    n, ranks = len(others), midranks([abs(d) for d in others])
    ties = [ranks.count(rank) for rank in set(ranks)]
    variance = n * (n + 1) * (2 * n + 1) / 24 - sum(t**3 - t for t in ties) / 48
    z = (sum(rank for rank, d in zip(ranks, others, strict=True) if d > 0) - n * (n + 1) / 4) / math.sqrt(variance)
    assert 0.0 in differences
    assert signed_rank_p(differences) == pytest.approx(math.erfc(abs(z) / math.sqrt(2)))


def test_zero_differences_are_left_out() -> None:
    """And do not make the test an approximation."""
    assert signed_rank_p([*MAIZE, *[0.0] * 100]) == signed_rank_p(MAIZE)


@pytest.mark.parametrize("differences", [[0.0], [0.0] * 30, [0.3]])
def test_nothing_to_tell_apart(differences: list[float]) -> None:
    assert signed_rank_p(differences) == 1


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1, 1]
    assert holm([0.03]) == [0.03]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_between_p_and_bonferroni(ps: list[float]) -> None:
    corrected = holm(ps)
    assert all(p <= q <= min(1, p * len(ps)) or math.isclose(p, q) for p, q in zip(ps, corrected, strict=True))
    assert [q for _, q in sorted(zip(ps, corrected, strict=True))] == sorted(corrected)


def test_interval_is_that_of_a_literal_bootstrap() -> None:
    values = np.random.default_rng(0).gamma(2.0, 0.1, 60)
    generator = np.random.default_rng(7)
    means = sorted(values[generator.integers(0, 60, 60)].mean() for _ in range(10_000))
    low, high = describe(values.tolist(), seed=1)["interval"]
    assert (low, high) == pytest.approx((means[250], means[9750]), abs=0.05 * (high - low))


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0.1, 0.7, 0.4], [None, 0.1, 0.7], [None]])
def test_the_same_as_in_a_summary(values: list[float | None]) -> None:
    summary = summarize([{"id": value} for value in values], {"id": "neither"}, seed=3)
    assert summary == {"id": {**describe(values, seed=3), "worst": None}}
