"""The LightningModule that trains an image classifier."""

from typing import Any, Protocol, runtime_checkable

import lightning as L
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from relprop.data import Batch
from relprop.models import build_model
from relprop.training.optimizers import build_optimizer, build_scheduler


@runtime_checkable
class OwnLoss(Protocol):
    """A network that is trained by another loss than the cross-entropy of its logits."""

    def loss_and_logits(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss of images (N, C, H, W) with labels (N,), and their logits (N, classes), by one forward pass."""


class Classifier(L.LightningModule):
    """A network trained by cross-entropy, or by its `OwnLoss`; logs loss and accuracy of train, val and test.

    Accuracy is the share of images that the logits get right. All arguments are plain values and go into the
    checkpoint, from which the network can be built again. `dataset` and `model` are names; `class_names` are in the
    order of the labels; `image_size` is in pixels; `optimizer` and `scheduler` are the options of `build_optimizer` and
    `build_scheduler`, `model_options` those of `build_model`.
    """

    def __init__(
        self,
        dataset: str,
        model: str,
        class_names: list[str],
        image_size: int,
        optimizer: dict[str, Any],
        scheduler: dict[str, Any],
        model_options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        options = model_options or {}
        self.model = build_model(model, num_classes=len(class_names), image_size=image_size, **options)
        self.optimizer_options, self.scheduler_options = optimizer, scheduler
        accuracy = MulticlassAccuracy(len(class_names), average="micro")
        self.train_accuracy, self.val_accuracy, self.test_accuracy = (accuracy.clone() for _ in range(3))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of normalised images (N, C, H, W)."""
        logits: Tensor = self.model(images)
        return logits

    def training_step(self, batch: Batch) -> Tensor:
        """Mean loss of the batch."""
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
        if isinstance(self.model, OwnLoss):
            loss, logits = self.model.loss_and_logits(batch.images, batch.labels)
        else:
            logits = self(batch.images)
            loss = F.cross_entropy(logits, batch.labels)
        accuracy = getattr(self, f"{split}_accuracy")
        accuracy(logits, batch.labels)
        values = {f"{split}/loss": loss, f"{split}/accuracy": accuracy}
        self.log_dict(values, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(batch.labels))
        return loss
