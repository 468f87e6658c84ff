"""The LightningModule that trains an image classifier."""

from typing import Any

import lightning as L
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from relprop.data import Batch
from relprop.models import build_model
from relprop.training.optimizers import build_optimizer, build_scheduler


class Classifier(L.LightningModule):
    """A network trained by cross-entropy; logs loss and accuracy (share of right images) of train, val and test.

    All arguments are plain values and go into the checkpoint, from which the network can be built again. `dataset`
    and `model` are names; `class_names` are in the order of the labels; `image_size` is in pixels; `optimizer` and
    `scheduler` are the options of `build_optimizer` and `build_scheduler`.
    """

    def __init__(
        self,
        dataset: str,
        model: str,
        class_names: list[str],
        image_size: int,
        optimizer: dict[str, Any],
        scheduler: dict[str, Any],
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.model = build_model(model, num_classes=len(class_names), image_size=image_size)
        self.optimizer_options, self.scheduler_options = optimizer, scheduler
        accuracy = MulticlassAccuracy(len(class_names), average="micro")
        self.train_accuracy, self.val_accuracy, self.test_accuracy = (accuracy.clone() for _ in range(3))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of normalised images (N, C, H, W)."""
        logits: Tensor = self.model(images)
        return logits

    def training_step(self, batch: Batch) -> Tensor:
        """Mean cross-entropy of the batch."""
        return self._step("train", batch)

    def validation_step(self, batch: Batch) -> None:
        """Log loss and accuracy."""
        self._step("val", batch)

    def test_step(self, batch: Batch) -> None:
        """Log loss and accuracy."""
        self._step("test", batch)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The optimizer, and its schedule taken one step per batch."""
        optimizer = build_optimizer(self.model, **self.optimizer_options)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler = build_scheduler(optimizer, total_steps=steps, **self.scheduler_options)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _step(self, split: str, batch: Batch) -> Tensor:
        logits = self(batch.images)
        loss = F.cross_entropy(logits, batch.labels)
        accuracy = getattr(self, f"{split}_accuracy")
        accuracy(logits, batch.labels)
        values = {f"{split}/loss": loss, f"{split}/accuracy": accuracy}
        self.log_dict(values, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.labels))
        return loss
