"""What a training sees, in a real trainer."""

import lightning as L
import torch
from torch import Tensor, nn

from relprop.data import Batch
from relprop.data.base import ImageDataModule


class Seeing(L.LightningModule):
    """Keeps every image that it is trained on, by epoch and index."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen: dict[tuple[int, int], Tensor] = {}

    def training_step(self, batch: Batch) -> Tensor:
        for index, image in zip(batch.indices.tolist(), batch.images, strict=True):
            self.seen[self.current_epoch, index] = image.clone()
        return self.weight * batch.images.sum()

    def validation_step(self, batch: Batch) -> None:
        """Lightning asks for one where there are validation images."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def training_batches(data: ImageDataModule, epochs: int) -> dict[tuple[int, int], Tensor]:
    """Augmented, normalised images (3,S,S) by epoch and index."""
    module = Seeing()
    trainer = L.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, limit_val_batches=0, use_distributed_sampler=False,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    return module.seen
