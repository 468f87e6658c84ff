"""Random numbers of a training step that depend on the step only."""

from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from relprop.seeding import mixed_seed


class SeededSteps(Callback):
    """Seeds torch's global generators before each step by seed, epoch, batch and process.

    Dropout, and whatever else draws from them, so draws the same in a run that was killed and continues as in one that
    nobody interrupted; no state of a generator is kept. Order and augmentation have generators of their own.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed the step of this batch."""
        torch.manual_seed(mixed_seed(self.seed, trainer.current_epoch, batch_idx, trainer.global_rank))
