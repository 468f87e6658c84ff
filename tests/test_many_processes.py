"""Trainings by two processes, that Lightning or torchrun start: one folder, and the numbers of one process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.configs import SCRIPTS
from tests.processes import only, run

RECORDED = str(Path(__file__).with_name("recorded_training.py"))
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
WORDS = (
    "model=squeezenet1_1",  # without batch normalisation, which would see half of a batch
    "optimizer=sgd",
    "dataset.epochs=2",
    "logger=csv",
    "trainer.enable_progress_bar=false",
    "+trainer.limit_train_batches=4",
)
TWO = ("trainer=ddp_cpu", "dataset.batch_size=16")


def trained(cwd: Path, *command: str) -> Path:
    """The folder of a training that ran to its end and said so once."""
    output = run(*command, *WORDS, cwd=cwd)
    assert output.count("test accuracy") == 1
    return only(cwd, "outputs/recorded_training/*")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By one process, whose batches are those of two processes together."""
    return trained(tmp_path_factory.mktemp("alone"), sys.executable, RECORDED, "trainer=cpu", "dataset.batch_size=32")


@pytest.fixture(scope="module")
def by_lightning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("lightning"), sys.executable, RECORDED, *TWO)


@pytest.fixture(scope="module")
def by_torchrun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("torchrun"), *TORCHRUN, RECORDED, *TWO)


def steps(folder: Path, process: int) -> list[dict]:
    return json.loads((folder / f"steps{process}.json").read_text())


def weights(folder: Path) -> dict[str, Tensor]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def test_the_steps_of_two_processes_are_those_of_one_with_the_doubled_batch(alone: Path, by_lightning: Path) -> None:
    """The same images, changed by augmentation in the same way, the same loss, in the end the same weights."""
    halves = list(zip(steps(by_lightning, 0), steps(by_lightning, 1), strict=True))
    wholes = steps(alone, 0)
    assert len(wholes) == len(halves) == 8
    for whole, (one, other) in zip(wholes, halves, strict=True):
        assert len(one["indices"]) == len(other["indices"]) == 16
        seen = dict(zip(one["indices"] + other["indices"], one["sums"] + other["sums"], strict=True))
        assert seen == pytest.approx(dict(zip(whole["indices"], whole["sums"], strict=True)))
        assert (one["loss"] + other["loss"]) / 2 == pytest.approx(whole["loss"], rel=1e-5)
    ours, theirs = weights(by_lightning), weights(alone)
    assert theirs["model.classifier.1.bias"].abs().max() > 1e-2  # which was 0 at the start
    for name, value in theirs.items():  # the rounding of float32 grows with every step
        assert (ours[name] - value).abs().max() < 3e-4, name


def test_no_image_is_tested_twice(alone: Path, by_lightning: Path) -> None:
    """An image that one of the processes saw once more would have changed the mean loss by far more."""
    one, two = (json.loads((folder / "summary.json").read_text()) for folder in (alone, by_lightning))
    assert two["n"] == one["n"] == 360
    assert two["test_loss"] == pytest.approx(one["test_loss"], rel=1e-5)
    assert two["test_accuracy"] == pytest.approx(one["test_accuracy"])
    assert two["val_accuracy"] == pytest.approx(one["val_accuracy"])


def test_who_starts_the_processes_changes_nothing(by_lightning: Path, by_torchrun: Path) -> None:
    """And so the same seed gives the same weights, bit by bit."""
    ours, theirs = weights(by_torchrun), weights(by_lightning)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert steps(by_torchrun, 1) == steps(by_lightning, 1)


@pytest.mark.parametrize("folder", ["alone", "by_lightning", "by_torchrun"])
def test_there_is_one_folder_with_one_of_each(folder: str, request: pytest.FixtureRequest) -> None:
    run_dir: Path = request.getfixturevalue(folder)
    names = {path.name for path in run_dir.iterdir() if not path.name.startswith("steps")}
    files = {"config.yaml", "run.json", "run.lock", "summary.json", "recorded_training.log"}
    assert names == {".hydra", "checkpoints", "csv", *files}
    assert sorted(path.name for path in (run_dir / "csv").iterdir()) == ["hparams.yaml", "metrics.csv"]
    assert (run_dir / "recorded_training.log").read_text().count("test accuracy") == 1


def test_a_refusal_ends_what_torchrun_started(tmp_path: Path) -> None:
    command = [*TORCHRUN, str(SCRIPTS / "train.py"), "trainer=ddp_cpu", "model=foo"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert result.stderr.count("model=foo is unknown") == 1
    assert list(tmp_path.iterdir()) == []


def test_when_one_process_is_killed_the_other_ends(tmp_path: Path) -> None:
    """And says in one line what to do; none is left."""
    words = ("trainer=ddp_cpu", *WORDS[:2], "dataset.epochs=1000", *WORDS[3:], "+trainer.limit_val_batches=1")
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command = [sys.executable, str(SCRIPTS / "train.py"), *words]
    with subprocess.Popen(command, cwd=tmp_path, env=variables, text=True, start_new_session=True, **pipes) as process:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("outputs/train/*/checkpoints/last.ckpt")):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (second,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(second), signal.SIGKILL)
        output, _ = process.communicate(timeout=60)  # which lasts until all that write there have ended
    assert process.returncode != 0
    assert "error: another process of this run has ended before its time" in output or "terminated with code" in output
    assert not (only(tmp_path, "outputs/train/*") / "summary.json").exists()
