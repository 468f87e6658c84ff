"""Every batch that has work is run once, in order, and no process waits for another."""

from hypothesis import given
from hypothesis import strategies as st

from relprop.callbacks.tasks import Task, deal


def test_batches_are_dealt_out_like_cards() -> None:
    first, second = deal([3, 3, 3, 2], done=2, shown=[0, 5, 10], processes=2)
    assert first == [Task(0, False, (0,), 0), Task(2, True, (), 6)]
    assert second == [Task(1, False, (2,), 3), Task(3, True, (1,), 9)]


@given(st.data())
def test_all_that_is_to_do_is_done_once_and_in_order(data) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=9))
    done, processes = data.draw(st.integers(0, len(sizes))), data.draw(st.integers(1, 5))
    shown = sorted({0} | data.draw(st.sets(st.integers(0, sum(sizes) - 1))))
    dealt = deal(sizes, done, shown, processes)
    assert len(dealt) == processes
    assert len({len(tasks) for tasks in dealt}) == 1
    tasks = [task for turn in zip(*dealt, strict=True) for task in turn]  # as the first process gathers them
    assert [task.batch for task in tasks if task.scored] == list(range(done, len(sizes)))
    assert [task.first + place for task in tasks for place in task.shown] == shown
    assert all(0 <= place < sizes[task.batch] for task in tasks for place in task.shown)
    assert all(task.first == sum(sizes[: task.batch]) for task in tasks)
    idle = [task for task in tasks if not task.scored and not task.shown]
    assert len(idle) < processes
    assert tasks[len(tasks) - len(idle) :] == idle
    assert tasks[0].batch == 0  # with the first image on the sheet the first batch is always run, for the audit
