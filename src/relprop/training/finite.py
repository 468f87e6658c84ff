"""The end of a training whose loss is no number any more."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from relprop.errors import UserError


class _Step(NamedTuple):
    """A step of which the loss may still be on its way from the device."""

    loss: Tensor
    step: int
    epoch: int
    rate: float


class DivergedError(UserError):
    """The training cannot go on: its loss or its weights are not finite."""


class StopAtNaN(Callback):
    """Raises `DivergedError` when the training loss, or a weight at the end of an epoch, is NaN or infinite.

    Each loss is looked at when the next step has been started, so that no device waits for it. No checkpoint is written
    of such weights: `last` is the newest good one.
    """

    def __init__(self, last: Path) -> None:
        self.last = last
        self._step: _Step | None = None
        self._rate = 0.0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the learning rate that the step is made with: after it the schedule has gone on."""
        self._rate = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss of the step before."""
        self._look(trainer)
        self._step = _Step(outputs["loss"].detach(), trainer.global_step, trainer.current_epoch, self._rate)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at the last loss before anything is validated."""
        self._look(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look at the weights, which the last step may have spoiled, before they are kept."""
        step = self._step
        self._look(trainer)
        bad = [name for name, value in pl_module.state_dict().items() if not _finite(value)]
        if bad and step is not None:
            raise self._error(f"{len(bad)} weights ({bad[0]}, …) are not finite", step)

    def _look(self, trainer: L.Trainer) -> None:
        step = self._step
        if step is None:
            return
        value = float(step.loss)
        bad = not math.isfinite(value)
        if trainer.world_size > 1:  # all processes end together; one alone would leave the others waiting for it
            bad = trainer.strategy.reduce_boolean_decision(bad, all=False)
        if bad:
            raise self._error(f"the loss was {value}", step)

    def _error(self, what: str, step: _Step) -> DivergedError:
        kept = f"the last good checkpoint is {self.last}" if self.last.exists() else "no epoch had been finished"
        again = f"weights={self.last}" if self.last.exists() else "the same command"
        return DivergedError(
            f"{what} after step {step.step}, in epoch {step.epoch} counted from 0, learning rate {step.rate:.3g}; "
            f"{kept}; start again from {again} with a lower optimizer.lr, with trainer.precision=32-true, "
            "or with a lower trainer.gradient_clip_val"
        )


def _finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(torch.isfinite(value).all())
