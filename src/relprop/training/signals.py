"""Signals while Lightning is at work."""

import signal
import threading

import lightning as L
from lightning.pytorch.callbacks import Callback


class OwnSignals(Callback):
    """Lets SIGTERM do what it did when this was made, instead of what Lightning sets for it.

    Lightning's handler tells the other processes in a broadcast. If it comes while they add up gradients, each waits
    for the other for ever; alone, it finishes the step first.
    """

    def __init__(self) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    def on_sanity_check_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The first hook after Lightning has set its own."""
        self._restore()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The first one of a training without a trial of its validation."""
        self._restore()

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The first one of a test."""
        self._restore()

    def _restore(self) -> None:
        if threading.current_thread() is threading.main_thread():  # Python allows it nowhere else
            signal.signal(signal.SIGTERM, self._handler)
