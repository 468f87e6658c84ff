import threading
import time
from collections.abc import Callable, Iterator

import pytest

from relprop.metrics.perturbation.ahead import ahead


def counted(computed: list[int], count: int) -> Iterator[int]:
    for number in range(count):
        computed.append(number)
        yield number


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_gives_the_items_in_order(count: int, depth: int) -> None:
    assert list(ahead(range(count), depth)) == list(range(count))


@pytest.mark.parametrize("depth", [1, 3])
def test_computes_as_many_items_ahead_as_allowed_and_no_more(depth: int) -> None:
    computed: list[int] = []
    items = ahead(counted(computed, 100), depth)
    time.sleep(0.01)
    assert computed == []
    for number in range(4):
        assert next(items) == number
        wait_until(lambda used=number: len(computed) == used + 1 + depth)
        time.sleep(0.01)
        assert len(computed) == number + 1 + depth
    items.close()


def test_computes_in_one_other_thread() -> None:
    threads = set(ahead(threading.get_ident() for _ in range(20)))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_raises_the_exception_of_an_item_after_those_before_it() -> None:
    items = ahead(1 / number for number in (1, 2, 0, 4))
    assert [next(items), next(items)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(items)
    assert list(items) == []


@pytest.mark.parametrize("end", ["close", "collect"])
def test_an_iterator_that_is_given_up_ends_its_thread(end: str) -> None:
    before = threading.active_count()
    computed: list[int] = []
    items = ahead(counted(computed, 10**9), 3)
    assert next(items) == 0
    assert threading.active_count() == before + 1
    if end == "close":
        items.close()
    else:
        del items
    assert threading.active_count() == before
    assert len(computed) <= 4


def test_what_nobody_will_use_is_not_computed() -> None:
    computed: list[int] = []

    def slow() -> Iterator[int]:
        for number in counted(computed, 1000):
            yield number
            time.sleep(0.02)

    items = ahead(slow(), 100)
    assert next(items) == 0
    items.close()
    assert len(computed) < 100
