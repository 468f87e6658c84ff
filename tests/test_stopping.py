"""Ctrl-C and SIGTERM while a training runs."""

import os
import signal
from pathlib import Path

import lightning as L
import pytest
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger

from relprop.enduring import EnduringLogger
from relprop.stopping import StoppedError, stoppable
from tests.training.fitting import classifier, fit

SIGNALS = [signal.SIGINT, signal.SIGTERM]


class Receives(Callback):
    """Gets the signal in the middle of an epoch."""

    def __init__(self, number: signal.Signals) -> None:
        self.number, self.steps = number, 0

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        self.steps += 1
        if self.steps == 2:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_training_ends_at_once_and_says_how_to_go_on(number: signal.Signals) -> None:
    """Lightning, which has handlers of its own while it trains, neither ends the process nor finishes the epoch."""
    before = [signal.getsignal(each) for each in SIGNALS]
    receives = Receives(number)
    with pytest.raises(StoppedError, match=f"^stopped by {number.name}; go on so$"), stoppable(lambda: "go on so"):
        fit(classifier(), receives)
    assert receives.steps == 2
    assert [signal.getsignal(each) for each in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_does_not_disturb_what_the_first_ends(number: signal.Signals) -> None:
    ended = []

    def work() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            for each in SIGNALS:
                os.kill(os.getpid(), each)
                ended.append(each)

    with pytest.raises(StoppedError), stoppable(lambda: "go on so"):
        work()
    assert ended == SIGNALS


@pytest.mark.parametrize("number", SIGNALS)
def test_processes_that_read_images_end_quietly(number: signal.Signals, tmp_path: Path) -> None:
    with stoppable(lambda: "go on so"):
        process = os.fork()
        if process == 0:
            try:
                os.kill(os.getpid(), number)
            except KeyboardInterrupt:  # on which a worker of a DataLoader ends without a word
                os._exit(7)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 7


def test_what_lets_a_run_survive_its_logger_lets_ctrl_c_through(tmp_path: Path) -> None:
    logger = EnduringLogger("csv", tmp_path, lambda: CSVLogger(tmp_path))

    def stop(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(StoppedError), stoppable(lambda: "go on so"):
        logger.attempt(stop)
