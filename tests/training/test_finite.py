"""Trainings whose loss or weights are not finite."""

from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from relprop.errors import UserError
from relprop.training.finite import StopAtNaN
from relprop.training.keeping import KeepLastAndBest
from tests.training.fitting import STEPS, Recorder, classifier, fit


class Spoils(Callback):
    """Puts `value` into a weight before the step `before`, or after the step `after`, counted from 1."""

    def __init__(self, value: float, before: int = 0, after: int = 0) -> None:
        self.value, self.before, self.after = value, before, after

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        if trainer.global_step + 1 == self.before:
            self._spoil(pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object) -> None:
        if trainer.global_step == self.after:
            self._spoil(pl_module)

    def _spoil(self, module: L.LightningModule) -> None:
        with torch.no_grad():
            next(module.parameters())[0, 0, 0, 0] = self.value


def train(folder: Path, *callbacks: Callback, epochs: int = 3, **options: object) -> None:
    last = folder / "last.ckpt"
    keep = KeepLastAndBest(last, folder / "best.ckpt", "val/accuracy")
    fit(classifier(), *callbacks, StopAtNaN(last), keep, epochs=epochs, enable_checkpointing=True, **options)


def finite(path: Path) -> bool:
    state = torch.load(path, weights_only=True)["state_dict"]
    return all(bool(value.isfinite().all()) for value in state.values())


@pytest.mark.parametrize("step", [1, STEPS, STEPS + 1, STEPS + 2, 2 * STEPS])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_step_is_named_and_no_checkpoint_is_spoiled(step: int, value: float, tmp_path: Path) -> None:
    """In the first and the second epoch, first, middle and last batch of each."""
    epoch = (step - 1) // STEPS
    with pytest.raises(UserError) as caught:
        train(tmp_path, Spoils(value, before=step))
    assert f"the loss was nan after step {step}, in epoch {epoch} counted from 0, learning rate 0.05;" in str(
        caught.value
    )
    assert ("no epoch had been finished; start again from the same command" in str(caught.value)) == (epoch == 0)
    last = tmp_path / "last.ckpt"
    assert (f"the last good checkpoint is {last}; start again from weights={last}" in str(caught.value)) == (epoch == 1)
    assert last.exists() == (epoch == 1)
    assert all(finite(path) for path in tmp_path.iterdir())


def test_the_last_loss_of_an_epoch_without_validation_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"the loss was nan after step {STEPS}, in epoch 0"):
        train(tmp_path, Spoils(float("nan"), before=STEPS), limit_val_batches=0)


@pytest.mark.parametrize("options", [{}, {"limit_val_batches": 0}])
def test_weights_that_the_last_step_of_an_epoch_spoiled_are_not_kept(options: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"1 weights \(model.+, …\) are not finite after step {2 * STEPS}, in epoch 1"):
        train(tmp_path, Spoils(float("nan"), after=2 * STEPS), **options)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 0
    assert all(finite(path) for path in tmp_path.iterdir())


def test_a_rate_that_is_far_too_high_is_named(tmp_path: Path) -> None:
    huge = {"name": "sgd", "lr": 1e30, "momentum": 0.9, "weight_decay": 0.0}
    last = tmp_path / "last.ckpt"
    with pytest.raises(
        UserError, match=r"after step [123], in epoch 0 counted from 0, learning rate 1e\+30; .* lower optim"
    ):
        fit(classifier(huge), StopAtNaN(last), epochs=2)


def test_finite_trainings_go_through(tmp_path: Path) -> None:
    train(tmp_path, epochs=2)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 1


def test_the_rate_is_that_of_the_step_and_not_of_the_next(tmp_path: Path) -> None:
    module, recorder = classifier(scheduler={"name": "cosine"}), Recorder()
    with pytest.raises(UserError) as caught:
        fit(module, recorder, Spoils(float("nan"), before=2), StopAtNaN(tmp_path / "last.ckpt"))
    assert len({f"{rate:.3g}" for rate, *_ in recorder.rates}) == STEPS
    assert f"after step 2, in epoch 0 counted from 0, learning rate {recorder.rates[1][0]:.3g};" in str(caught.value)
