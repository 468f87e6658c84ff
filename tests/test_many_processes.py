"""Trainings by two processes, that Lightning or torchrun start: one folder, and the numbers of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from relprop.experiment import train
from relprop.training import Classifier
from tests import recorded_training
from tests.configs import composed
from tests.processes import only, run

pytestmark = pytest.mark.slow
RECORDED = recorded_training.__file__
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


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By one process, this one, whose batches are those of two processes together."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Classifier, "on_train_start", recorded_training.drop_nothing)
        patch.setattr(Classifier, "on_train_batch_end", recorded_training.record)
        train(composed("train", folder, *WORDS, "trainer=cpu", "dataset.batch_size=32"))
    return folder / "train" / "run"


@pytest.fixture(scope="module")
def by_lightning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whose processes Lightning starts; it runs to its end and says so once."""
    cwd = tmp_path_factory.mktemp("lightning")
    output = run(sys.executable, RECORDED, *TWO, *WORDS, cwd=cwd)
    assert output.count("test accuracy") == 1
    return only(cwd, "outputs/train/*")


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same, but the second process is killed in the second epoch; the folder, and what was said."""
    cwd = tmp_path_factory.mktemp("killed")
    command = [sys.executable, RECORDED, *TWO, *WORDS]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "KILLED_IN_EPOCH": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    # It lasts until all that write there have ended.
    result = subprocess.run(command, cwd=cwd, env=variables, text=True, check=False, timeout=300, **pipes)
    assert result.returncode != 0
    folder = only(cwd, "outputs/train/*")
    assert not (folder / "summary.json").exists()
    return folder, result.stdout


@pytest.fixture(scope="module")
def by_torchrun(killed: tuple[Path, str]) -> Path:
    """The killed training, continued by processes that torchrun starts, and by its own config: no word says ddp_cpu."""
    folder, _ = killed
    output = run(*TORCHRUN, RECORDED, "ckpt=last", cwd=folder.parents[2])
    assert output.count("test accuracy") == 1
    assert only(folder.parents[2], "outputs/train/*") == folder
    return folder


def steps(folder: Path, process: int) -> list[dict]:
    return [json.loads(line) for line in (folder / f"steps{process}.jsonl").read_text().splitlines()]


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
    """And so the same seed gives the same weights, bit by bit, even if the training is killed in between."""
    ours, theirs = weights(by_torchrun), weights(by_lightning)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert [steps(by_torchrun, process) for process in (0, 1)] == [steps(by_lightning, process) for process in (0, 1)]


def test_when_one_process_is_killed_the_other_ends_and_says_so(killed: tuple[Path, str]) -> None:
    _, output = killed
    assert "error: another process of this run has ended before its time" in output or "terminated with code" in output


@pytest.mark.parametrize(("folder", "more"), [("by_lightning", set()), ("by_torchrun", {"metrics_0.csv"})])
def test_there_is_one_folder_with_one_of_each(folder: str, more: set[str], request: pytest.FixtureRequest) -> None:
    run_dir: Path = request.getfixturevalue(folder)
    names = {path.name for path in run_dir.iterdir() if not path.name.startswith("steps")}
    assert names == {".hydra", "checkpoints", "csv", "config.yaml", "run.json", "run.lock", "summary.json", "train.log"}
    assert {path.name for path in (run_dir / "csv").iterdir()} == {"hparams.yaml", "metrics.csv", *more}
    assert (run_dir / "train.log").read_text().count("test accuracy") == 1
