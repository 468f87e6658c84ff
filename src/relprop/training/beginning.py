"""What is done when a training begins in earnest."""

from collections.abc import Callable

import lightning as L
from lightning.pytorch.callbacks import Callback


class BeforeFirstStep(Callback):
    """Calls `act` in the first process when data, network, optimizer and schedule stand, before the first step."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning calls this after all that could refuse the training."""
        if trainer.is_global_zero:
            self.act()
