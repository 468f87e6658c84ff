"""What one thread puts and another takes."""

import time
from threading import Thread

import pytest

from relprop.live.handover import Handover


def put_all(handover: Handover[int], items: range) -> None:
    for item in items:
        handover.put(item)
    handover.close()


def taken(handover: Handover[int]) -> list[int]:
    items = []
    while (item := handover.take(timeout=5)) is not None:
        items.append(item)
    return items


@pytest.mark.parametrize("room", [1, 3])
def test_in_order_nothing_is_lost_and_who_puts_waits(room: int) -> None:
    handover = Handover[int](room)
    thread = Thread(target=put_all, args=(handover, range(50)))
    thread.start()
    time.sleep(0.02)
    assert thread.is_alive()  # there is no room for more than `room`
    assert taken(handover) == list(range(50))
    thread.join()


def test_of_the_newest_only_the_last_is_kept_and_nobody_waits() -> None:
    handover = Handover[int](newest=True)
    thread = Thread(target=put_all, args=(handover, range(50)), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive() and taken(handover) == [49]


def test_who_takes_waits_for_the_next() -> None:
    handover = Handover[int](newest=True)
    assert handover.take(timeout=0.01) is None
    thread = Thread(target=lambda: (time.sleep(0.02), handover.put(1)))
    thread.start()
    assert handover.take() == 1
    thread.join()


def test_a_closed_one_gives_what_is_left_unless_that_is_dropped_and_takes_nothing() -> None:
    for drop, left in ((False, [1]), (True, [])):
        handover = Handover[int]()
        handover.put(1)
        handover.close(drop)
        handover.put(2)
        assert taken(handover) == left


def test_closing_wakes_those_who_wait_for_room() -> None:
    handover = Handover[int]()
    thread = Thread(target=put_all, args=(handover, range(3)))
    thread.start()
    time.sleep(0.02)
    handover.close(drop=True)
    thread.join(5)
    assert not thread.is_alive()
