"""From one thread to the next: in order, or the newest only."""

from collections import deque
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Handover(Generic[Item]):
    """What one thread puts and another takes.

    `newest`: a new item takes the place of one that nobody has taken, and nobody who puts ever waits; else up to
    `room` items wait in their order, and who puts waits for room.
    """

    def __init__(self, room: int = 1, newest: bool = False) -> None:
        self._room, self._newest = room, newest
        self._items: deque[Item] = deque()
        self._closed = False
        self._changed = Condition()

    def put(self, item: Item) -> None:
        """Hand it over; nothing happens to it once this is closed."""
        with self._changed:
            if self._newest:
                self._items.clear()
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._room)
            if not self._closed:
                self._items.append(item)
                self._changed.notify_all()

    def take(self, timeout: float | None = None) -> Item | None:
        """The next item, waited for up to `timeout` seconds, None being for ever; None if none came or will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) > 0, timeout)
            if not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self, drop: bool = False) -> None:
        """Nothing more is put; what waits can still be taken, unless it is dropped."""
        with self._changed:
            self._closed = True
            if drop:
                self._items.clear()
            self._changed.notify_all()
