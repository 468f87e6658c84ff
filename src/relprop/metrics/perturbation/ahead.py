"""Work done in the background, ahead of its use."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")


def ahead(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """`items` in their order; while the caller uses one, another thread computes up to `depth` of those that follow.

    Nothing is computed before the first is asked for. An exception of the iterable is raised here, after the items
    before it. The thread ends with the iterator, once it is exhausted, closed or collected. PyTorch's grad mode is a
    thread's own: the caller's `no_grad` does not hold where the items are computed.
    """
    source, end = iter(items), object()
    thread = ThreadPoolExecutor(1)
    try:
        pending = deque(thread.submit(next, source, end) for _ in range(depth))
        while (item := pending.popleft().result()) is not end:
            pending.append(thread.submit(next, source, end))
            yield cast(T, item)
    finally:
        thread.shutdown(cancel_futures=True)
