"""What a training that continues sees and does, against one that nobody has interrupted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from relprop.training.atomic import AtomicCheckpointIO
from relprop.training.continuing import Continuing
from relprop.training.keeping import KeepLastAndBest

IMAGES, EPOCHS = 12, 4


class Positions(Dataset[Tensor]):
    def __getitem__(self, position: int) -> Tensor:
        return torch.tensor([float(position)])

    def __len__(self) -> int:
        return IMAGES


class Rotated(Sampler[int]):
    """In each epoch another order."""

    def __init__(self) -> None:
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        yield from [(position + self.epoch) % IMAGES for position in range(IMAGES)]

    def __len__(self) -> int:
        return IMAGES


class Seeing(L.LightningModule):
    """Notes epoch and batch of each step; dies where it is told to; a schedule that asks how many steps there are."""

    def __init__(self, dies: tuple[int, int] | None = None, scores: tuple[float, ...] = (0.0,) * EPOCHS) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.dies, self.scores = dies, scores
        self.seen: list[tuple[int, list[float], float]] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        if (self.current_epoch, batch_idx) == self.dies:
            raise RuntimeError("the power is out")
        self.seen.append(
            (self.current_epoch, batch.flatten().tolist(), self.trainer.optimizers[0].param_groups[0]["lr"])
        )
        return self.layer(batch).mean()

    def validation_step(self, batch: Tensor) -> None:
        self.log("score", self.scores[self.current_epoch])

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=1e-4)
        steps = int(self.trainer.estimated_stepping_batches)
        return [optimizer], [
            {"scheduler": torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=steps), "interval": "step"}
        ]


def train(
    folder: Path, module: Seeing, workers: int = 0, patience: int = EPOCHS, ckpt: Path | None = None
) -> L.Trainer:
    """With batches of 4, so 3 steps in an epoch."""
    options = {"batch_size": 4, "num_workers": workers, "persistent_workers": workers > 0}
    loader, val = DataLoader(Positions(), sampler=Rotated(), **options), DataLoader(Positions(), batch_size=12)
    keep = KeepLastAndBest(folder / "last.ckpt", folder / "best.ckpt", "score")
    stopping = EarlyStopping("score", mode="max", patience=patience)
    trainer = L.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        plugins=[AtomicCheckpointIO()],
        callbacks=[Continuing(), stopping, keep],
    )
    trainer.fit(module, loader, val, ckpt_path=ckpt, weights_only=True)
    return trainer


@pytest.mark.parametrize("workers", [0, 1])
def test_each_epoch_has_its_own_order_and_rates(workers: int, tmp_path: Path) -> None:
    """Also with workers, which read ahead as soon as somebody asks for the loader."""
    whole, killed, rest = Seeing(), Seeing(dies=(2, 1)), Seeing()
    train(tmp_path / "whole", whole)
    with pytest.raises(RuntimeError, match="the power is out"):
        train(tmp_path / "run", killed, workers)
    train(tmp_path / "run", rest, workers, ckpt=tmp_path / "run" / "last.ckpt")
    assert len(whole.seen) == 3 * EPOCHS
    assert (killed.seen, rest.seen) == (whole.seen[:7], whole.seen[6:])


@pytest.mark.parametrize("epoch", [1, 2])
def test_patience_counts_on(epoch: int, tmp_path: Path) -> None:
    """Killed in the epoch before the one that is the last by its patience, and in that one."""
    scores = (0.5, 0.4, 0.3, 0.2)
    with pytest.raises(RuntimeError, match="the power is out"):
        train(tmp_path, Seeing((epoch, 0), scores), patience=2)
    rest = Seeing(scores=scores)
    train(tmp_path, rest, patience=2, ckpt=tmp_path / "last.ckpt")
    assert [each[0] for each in rest.seen[::3]] == list(range(epoch, 3))


@pytest.mark.parametrize("patience", [1, EPOCHS])
def test_a_training_that_was_over_is_not_trained_further(patience: int, tmp_path: Path) -> None:
    """Stopped early, and at its last epoch; killed before its end was written down."""
    train(tmp_path, Seeing(), patience=patience)
    content = (tmp_path / "last.ckpt").read_bytes()
    rest = Seeing()
    trainer = train(tmp_path, rest, patience=patience, ckpt=tmp_path / "last.ckpt")
    assert rest.seen == []
    assert (tmp_path / "last.ckpt").read_bytes() == content
    assert trainer.fit_loop.epoch_progress.current.processed == min(patience + 1, EPOCHS)
