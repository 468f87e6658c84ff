import signal
from typing import Any

import lightning as L
import pytest
from lightning.pytorch.callbacks import Callback

from relprop.training.signals import OwnSignals
from tests.training.fitting import classifier, fit


class Sees(Callback):
    """What SIGTERM would do in each step, in the trial of the validation and in the test."""

    def __init__(self) -> None:
        self.seen: set[Any] = set()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.seen.add(signal.getsignal(signal.SIGTERM))

    def on_validation_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.seen.add(signal.getsignal(signal.SIGTERM))

    def on_test_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.seen.add(signal.getsignal(signal.SIGTERM))


@pytest.mark.parametrize("trial", [0, 1])
def test_sigterm_does_throughout_what_it_did_before(trial: int) -> None:
    def mine(*_: Any) -> None:
        pass

    before = signal.signal(signal.SIGTERM, mine)
    try:
        sees = Sees()
        trainer = fit(classifier(), OwnSignals(), sees, num_sanity_val_steps=trial)
        trainer.test(trainer.lightning_module, trainer.datamodule, verbose=False)
        assert sees.seen == {mine}
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
