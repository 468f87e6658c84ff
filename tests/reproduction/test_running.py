"""Tasks are computed once, beside each other or not; what goes wrong stays where it happens."""

import json
import logging
import os
import threading
import warnings
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from relprop.reproduction.outcomes import compute, failure
from relprop.reproduction.running import run_tasks
from relprop.reproduction.workers import Workers
from relprop.resuming import hold
from tests.reproduction.fakes import FakeTask, fake, runs


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory):
    """Good and bad tasks in two processes."""
    folder = tmp_path_factory.mktemp("mixed")
    done = fake(folder, "done before")
    compute(done, 1, "earlier")
    tasks = [
        fake(folder, "refuses", does="raise"),
        done,
        fake(folder, "dies", does="die"),
        *(fake(folder, f"works {i}", seconds=0.2) for i in range(4)),
        fake(folder, "alone", alone=True),
    ]
    return {task.label: task for task in tasks}, run_tasks(tasks, 2, 1, "now")


def test_processes_share_the_work_and_go_on_when_one_dies(mixed) -> None:
    tasks, outcomes = mixed
    assert all(outcomes[label].state == "done" for label in tasks if label.startswith("works"))
    processes = {runs(task)[0][0] for label, task in tasks.items() if label.startswith("works")}
    assert len(processes) >= 2
    assert os.getpid() not in processes
    assert "done before" not in outcomes
    assert len(runs(tasks["done before"])) == 1


def test_a_failure_is_said_in_its_outcome_its_folder_and_its_log(mixed) -> None:
    tasks, outcomes = mixed
    assert outcomes["refuses"].error == failure(tasks["refuses"]) == "nothing can be done"
    assert "UserError: nothing" in (tasks["refuses"].folder / "cell.log").read_text()
    assert "signal SIGKILL" in outcomes["dies"].error
    assert failure(tasks["dies"], "now") == outcomes["dies"].error
    assert failure(tasks["dies"], "another session") is None


def test_what_is_alone_has_all_cores_and_a_process_of_its_own(mixed) -> None:
    tasks, _ = mixed
    ((process, threads),) = runs(tasks["alone"])
    assert threads == len(os.sched_getaffinity(0))
    assert process not in {pid for label, task in tasks.items() if label != "alone" for pid, _ in runs(task)}


def test_an_exception_is_named_by_its_type(tmp_path: Path) -> None:
    task = fake(tmp_path, "errs", does="err")
    outcomes = run_tasks([task], 1, 1, "now")
    assert (outcomes["errs"].state, outcomes["errs"].error) == ("failed", "ZeroDivisionError: by zero")


def test_a_session_does_not_try_again_what_it_has_failed_to_compute(tmp_path: Path) -> None:
    task = fake(tmp_path, "refuses", does="raise")
    run_tasks([task], 1, 1, "first")
    assert run_tasks([task], 1, 1, "first") == {}
    run_tasks([task], 1, 1, "second")
    assert len(runs(task)) == 2
    mended = fake(tmp_path, "refuses")
    run_tasks([mended], 1, 1, "third")
    assert mended.done
    assert failure(mended) is None


def test_what_another_process_is_at_work_on_is_left_to_it(tmp_path: Path) -> None:
    busy, free = fake(tmp_path, "busy"), fake(tmp_path, "free")
    with Workers(1, 1, "now") as workers:
        workers.give(fake(tmp_path, "busy", seconds=60))
        while not runs(busy):
            threading.Event().wait(0.05)
        outcomes = run_tasks([busy, free], 1, 1, "now")
    assert {key: outcome.state for key, outcome in outcomes.items()} == {"busy": "held", "free": "done"}
    assert not busy.done
    assert run_tasks([busy], 1, 1, "now")["busy"].state == "done"  # whoever held it has been killed


class TalkingTask(FakeTask):
    """Says something on its way."""

    def run(self) -> None:
        """Two ways to say something."""
        logging.getLogger("relprop.something").info("a message")
        warnings.warn("a warning", stacklevel=1)
        super().run()


def test_messages_and_warnings_of_a_task_stay_in_its_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    task = TalkingTask(tmp_path / "talks", "talks", OmegaConf.create())
    assert compute(task, 1, "now").state == "done"
    said = (task.folder / "cell.log").read_text()
    assert "a message" in said
    assert "a warning" in said
    assert capfd.readouterr() == ("", "")


def test_what_another_process_has_finished_meanwhile_is_not_done_again(tmp_path: Path) -> None:
    """Two have seen that it is missing; the second one gets hold of it when the first one is done."""
    task = fake(tmp_path, "task")
    assert compute(task, 1, "one").state == "done"
    assert compute(task, 1, "other").state == "done"
    assert len(runs(task)) == 1
    with hold(task.folder):  # nothing of it is left locked
        assert json.loads((task.folder / "summary.json").read_text()) == {"n": 1}
