"""The last and the best checkpoint of a training."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint

from relprop.training.atomic import copy_whole


class KeepLastAndBest(Checkpoint):
    """Writes `last` at the end of every epoch, and makes it `best`, too, if no epoch before had a score as high.

    The score is `monitor` as logged in validation; without validation the best is the last. Both files are at any time
    whole, and `last` knows whether it is the best, so a kill between the two is made good when the training continues.
    Lightning's own ModelCheckpoint writes `last` only when the epoch is the best, and loses the best score when the
    folder has been moved.
    """

    def __init__(self, last: Path, best: Path, monitor: str) -> None:
        self.last, self.best, self.monitor = last, best, monitor
        self.epoch: int | None = None
        self.best_epoch: int | None = None
        self.best_score: float | None = None

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write what the epoch and its validation have led to; Lightning calls this after all other callbacks."""
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        self.epoch = trainer.current_epoch
        found = trainer.callback_metrics.get(self.monitor)
        score = None if found is None else float(found)
        if self.best_score is None or (score is not None and score > self.best_score):
            self.best_epoch, self.best_score = self.epoch, score
        trainer.save_checkpoint(self.last)
        self._keep_best(trainer)

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Finish what a kill may have cut short."""
        self._keep_best(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Epochs, counted from 0, and score."""
        return {"epoch": self.epoch, "best_epoch": self.best_epoch, "best_score": self.best_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.epoch, self.best_epoch = state_dict["epoch"], state_dict["best_epoch"]
        self.best_score = state_dict["best_score"]

    def _keep_best(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero and self.epoch is not None and self.best_epoch == self.epoch:
            copy_whole(self.last, self.best)
        trainer.strategy.barrier()  # of several processes none reads the file before it is there
