"""Trainings that end too early, by SIGKILL too, and continue: to the same weights as one that nobody interrupted."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from relprop import unfinished
from relprop.experiment import train, training
from relprop.resuming import NOTE, SUMMARY
from relprop.runs import BEST, LAST
from tests.configs import SCRIPTS, composed
from tests.processes import only

FEW = (
    "trainer.accelerator=cpu",
    "+trainer.limit_train_batches=4",
    "+trainer.limit_val_batches=2",
    "+trainer.limit_test_batches=1",
)
WORDS = ("model=vgg11", "model.width=0.125", "dataset.batch_size=16", "logger=csv", "trainer.log_every_n_steps=2", *FEW)
MEASURED = ("wall_time_seconds", "seconds_per_epoch", "images_per_second", "data_wait_share", "peak_memory_megabytes")
# Dropout in all of them, since they are VGGs.
RECIPES = {
    "adamw": ("dataset.epochs=3",),
    "plateau": ("dataset.epochs=4", "optimizer=sgd", "scheduler=plateau", "scheduler.patience=0", "optimizer.lr=0.3"),
    "sam": ("dataset.epochs=3", "optimizer=sam", "optimizer.lr=0.01"),
    "ema": ("dataset.epochs=3", "ema=0.9", "+trainer.accumulate_grad_batches=3"),
    "patience": ("dataset.epochs=9", "optimizer.lr=1e-6", "patience=2"),
}


class Dies(Callback):
    """Ends the training in the hook `where` of an epoch."""

    def __init__(self, where: str, epoch: int) -> None:
        self.where, self.epoch = where, epoch

    def on_train_batch_end(self, trainer: L.Trainer, m: L.LightningModule, o: Any, b: Any, batch_idx: int) -> None:
        self._reach("batch", trainer, batch_idx == 1)

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self._reach("validation", trainer, not trainer.sanity_checking)

    def on_train_epoch_start(self, trainer: L.Trainer, m: L.LightningModule) -> None:
        self._reach("start", trainer)

    def on_test_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if self.where == "test":
            raise RuntimeError("the power is out")

    def _reach(self, where: str, trainer: L.Trainer, there: bool = True) -> None:
        if there and (where, trainer.current_epoch) == (self.where, self.epoch):
            raise RuntimeError("the power is out")


def build_with(build: Any, dies: Dies, *parts: Any, **options: Any) -> L.Trainer:
    """The trainer that `build` makes, with one more callback."""
    *others, callbacks = parts
    return build(*others, [*callbacks, dies], **options)


def checkpoints(run: Path) -> dict[str, dict[str, Any]]:
    return {name: torch.load(run / name, weights_only=True) for name in (BEST, LAST)}


def assert_equal(one: Any, other: Any) -> None:
    """Bit by bit."""
    assert type(one) is type(other)
    if isinstance(one, Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            assert_equal(mine, theirs)
    else:
        assert one == other


def assert_equal_runs(run: Path, whole: Path) -> None:
    """Weights, the state of optimizer, schedule and callbacks, and what is reported of the training."""
    mine, theirs = checkpoints(run), checkpoints(whole)
    for name in (BEST, LAST):
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "epoch", "global_step"):
            assert_equal(mine[name][part], theirs[name][part])
    summary, other = (json.loads((folder / SUMMARY).read_text()) for folder in (run, whole))
    differing = {key for key in summary.keys() | other.keys() if summary.get(key) != other.get(key)}
    assert differing <= {*MEASURED, "timed_epochs"}


@pytest.mark.parametrize(
    ("recipe", "places"),
    [
        ("adamw", [("batch", 1), ("validation", 1), ("start", 2), ("test", 0)]),
        ("plateau", [("start", 2)]),
        ("sam", [("batch", 1)]),
        ("ema", [("validation", 1)]),
        ("patience", [("start", 1), ("test", 0)]),
    ],
)
def test_it_comes_to_the_same_weights(
    recipe: str, places: list[tuple[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended within an epoch, in a validation, between two epochs, and when only the test is left."""
    words = (*WORDS, *RECIPES[recipe])
    train(composed("train", tmp_path, *words))
    for number, place in enumerate(places):
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            patch.setattr(training, "build_trainer", partial(build_with, training.build_trainer, Dies(*place)))
            with pytest.raises(RuntimeError, match="the power is out"):
                train(composed("train", folder, *words))
        train(unfinished.continued(composed("train", folder, "ckpt=last"), ["ckpt=last"]), continues=True)
        assert_equal_runs(folder / "train" / "run", tmp_path / "train" / "run")


def test_ended_before_the_first_epoch_was_it_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (*WORDS, "dataset.epochs=1")
    train(composed("train", tmp_path / "whole", *words))
    monkeypatch.setattr(training.Classifier, "training_step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(composed("train", tmp_path, *words))
    monkeypatch.undo()
    train(unfinished.continued(composed("train", tmp_path, "ckpt=last"), ["ckpt=last"]), continues=True)
    assert_equal_runs(tmp_path / "train" / "run", tmp_path / "whole" / "train" / "run")


# -- killed -----------------------------------------------------------------------------------------------------------


def start(cwd: Path, *words: str) -> subprocess.Popen[str]:
    """The script, in a process group of its own."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "RELPROP"))}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    variables["OMP_NUM_THREADS"] = "1"  # as in the run that is compared
    command = [sys.executable, str(SCRIPTS / "train.py"), *words]
    return subprocess.Popen(command, cwd=cwd, env=variables, text=True, start_new_session=True, **pipes)


@pytest.mark.slow
def test_killed_and_continued_it_has_the_same_weights(tmp_path: Path) -> None:
    """By SIGKILL, when the first epochs are done; continued by no other words than ckpt=last, in the same folder."""
    words = (*WORDS, "dataset.epochs=12", "trainer.enable_progress_bar=false")
    process = start(tmp_path, *words)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(f"outputs/train/*/{LAST}")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert "Traceback" not in process.communicate()[0]
    folder = only(tmp_path, "outputs/train/*")
    assert (folder / NOTE).exists() and not (folder / SUMMARY).exists()
    assert torch.load(folder / LAST, weights_only=True)["epoch"] < 11
    again = start(tmp_path, "ckpt=last")
    try:
        train(composed("train", tmp_path / "whole", *words))
    finally:
        output, _ = again.communicate(timeout=240)
    assert again.returncode == 0, output
    assert only(tmp_path, "outputs/train/*") == folder
    assert_equal_runs(folder, tmp_path / "whole" / "train" / "run")
    assert "test accuracy" in (folder / "train.log").read_text()
