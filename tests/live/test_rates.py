"""Events per second, and ages."""

import pytest

from relprop.live.rates import Rate, latency


def test_a_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.per_second() == 0
    for number in range(100):  # ten per second
        rate.add(number / 10)
    assert rate.per_second() == pytest.approx(10)
    for number in range(10):  # then one
        rate.add(10.9 + number)
    assert rate.per_second() == pytest.approx(1)
    assert rate.count == 110


def test_one_event_or_several_at_once_have_no_rate() -> None:
    rate = Rate()
    for _ in range(2):
        rate.add(1.0)
        assert rate.per_second() == 0


def test_latency_is_median_and_95th_percentile_by_nearest_rank() -> None:
    assert latency([]) == {"median": None, "p95": None}
    assert latency([0.5]) == {"median": 0.5, "p95": 0.5}
    assert latency([number / 100 for number in range(100, 0, -1)]) == {"median": pytest.approx(0.505), "p95": 0.95}
