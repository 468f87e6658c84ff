"""The steps of a schedule that depends on the validation loss."""

import lightning as L
from lightning.pytorch.callbacks import Callback
from torch.optim.lr_scheduler import ReduceLROnPlateau

MONITOR = "val/loss"


class PlateauSteps(Callback):
    """Hands the validation loss to each `ReduceLROnPlateau` as soon as it is there, before a checkpoint is written.

    Lightning does it after that, so that a training which continues from the checkpoint would miss the last loss.
    """

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """One step per validation, but not for Lightning's trial of some batches before the training."""
        if trainer.sanity_checking:
            return
        for config in trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ReduceLROnPlateau):
                config.scheduler.step(trainer.callback_metrics[MONITOR])
