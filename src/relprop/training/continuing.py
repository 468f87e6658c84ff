"""What Lightning leaves out when a training continues from a checkpoint of the end of an epoch."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason


class Continuing(Callback):
    """Makes a training that continues the one that it would have been without the interruption.

    Lightning restores weights, optimizer, schedule, callbacks and counters. But it forgets that a training had been
    stopped early, and asks the loader for batches before it knows the epoch.
    """

    def __init__(self) -> None:
        self._continues = False

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take note that this training continues."""
        self._continues = True

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Train no further if the training had been stopped early."""
        for callback in trainer.early_stopping_callbacks:
            if callback.stopping_reason is not EarlyStoppingReason.NOT_STOPPED:
                trainer.should_stop = True

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ask the loader again, now that its sampler has been told the epoch: its workers have begun to read ahead."""
        fetcher = trainer.fit_loop._data_fetcher
        if self._continues and fetcher is not None:
            iter(fetcher)
            self._continues = False
