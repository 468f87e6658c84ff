"""The last and the best checkpoint, against the scores that were logged."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from relprop.training.atomic import AtomicCheckpointIO
from relprop.training.continuing import Continuing
from relprop.training.keeping import KeepLastAndBest
from tests.training.fitting import classifier, fit

SCORES = [0.2, 0.5, 0.5, 0.1, 0.6, 0.3]
BEST_SO_FAR = [0, 1, 1, 1, 4, 4]


class Scores(Callback):
    """Validations with these scores."""

    def __init__(self, scores: list[float]) -> None:
        self.scores = scores

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.callback_metrics["score"] = torch.tensor(self.scores[trainer.current_epoch])


class Dies(Callback):
    """Ends the training in its epoch `epoch`."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            raise RuntimeError("the power is out")


def train(folder: Path, epochs: int, *callbacks: Callback, **options: Any) -> KeepLastAndBest:
    keep = KeepLastAndBest(folder / "last.ckpt", folder / "best.ckpt", "score")
    every = [Scores(SCORES), *callbacks, Continuing(), keep]
    fit(classifier(), *every, epochs=epochs, plugins=[AtomicCheckpointIO()], enable_checkpointing=True, **options)
    return keep


def epoch_of(path: Path) -> int:
    epoch: int = torch.load(path, weights_only=True)["epoch"]
    return epoch


@pytest.mark.parametrize("epochs", [1, 3, 4, 6])
def test_last_is_the_last_epoch_and_best_the_first_with_the_highest_score(epochs: int, tmp_path: Path) -> None:
    keep = train(tmp_path, epochs)
    assert epoch_of(tmp_path / "last.ckpt") == epochs - 1
    assert epoch_of(tmp_path / "best.ckpt") == BEST_SO_FAR[epochs - 1] == keep.best_epoch
    assert keep.best_score == pytest.approx(max(SCORES[:epochs]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.ckpt", "last.ckpt"]


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_a_training_that_continues_knows_the_best_score(epoch: int, tmp_path: Path) -> None:
    """In another folder than it began in, too."""
    with pytest.raises(RuntimeError, match="the power is out"):
        train(tmp_path / "a", 6, Dies(epoch))
    (tmp_path / "a").rename(tmp_path / "b")
    train(tmp_path / "b", 6, ckpt_path=tmp_path / "b" / "last.ckpt")
    assert epoch_of(tmp_path / "b" / "best.ckpt") == 4


def test_a_kill_between_the_two_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(source: Path, target: Path) -> None:
        if epoch_of(source) == 1:
            raise RuntimeError("the power is out")
        target.write_bytes(source.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr("relprop.training.keeping.copy_whole", die)
        with pytest.raises(RuntimeError, match="the power is out"):
            train(tmp_path, 4)
    assert (epoch_of(tmp_path / "last.ckpt"), epoch_of(tmp_path / "best.ckpt")) == (1, 0)
    train(tmp_path, 4, ckpt_path=tmp_path / "last.ckpt")  # epoch 1 is the best of four
    assert epoch_of(tmp_path / "best.ckpt") == 1


def test_without_validation_the_best_is_the_last(tmp_path: Path) -> None:
    keep = KeepLastAndBest(tmp_path / "last.ckpt", tmp_path / "best.ckpt", "score")
    fit(classifier(), keep, epochs=2, enable_checkpointing=True, limit_val_batches=0)
    assert (epoch_of(tmp_path / "best.ckpt"), keep.best_score) == (1, None)


def test_a_trial_of_one_batch_writes_nothing(tmp_path: Path) -> None:
    train(tmp_path, 1, fast_dev_run=True)
    assert not list(tmp_path.iterdir())
