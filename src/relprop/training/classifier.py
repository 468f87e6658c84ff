"""The LightningModule that trains an image classifier."""

from collections.abc import Sequence
from typing import Any, Self

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchmetrics.classification import MulticlassAccuracy

from relprop.data import Batch
from relprop.models import build_model
from relprop.training.compiling import compile_network
from relprop.training.freezing import freeze
from relprop.training.losses import loss_and_logits
from relprop.training.optimizers import build_optimizer
from relprop.training.plateau import MONITOR, PlateauSteps
from relprop.training.recipe import Recipe
from relprop.training.sam import SAM, refuse_sam, statistics_kept
from relprop.training.schedulers import build_schedulers


class Classifier(L.LightningModule):
    """A network trained by cross-entropy, or by its `OwnLoss`; logs loss and accuracy of train, val and test.

    Accuracy is the share of images that the logits get right; labels are smoothed in training alone, so that the losses
    of val and test of different trainings compare. All arguments are plain values and go into the checkpoint, from
    which the network can be built again. `dataset` and `model` are names; `class_names` are in the order of the labels;
    `image_size` is in pixels; `optimizer` and `scheduler` are the options of `build_optimizer` and `build_schedulers`,
    `model_options` those of `build_model`, `recipe` those of `Recipe`.
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
        recipe: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.recipe = Recipe(**recipe or {})
        options = model_options or {}
        self.model = build_model(model, num_classes=len(class_names), image_size=image_size, **options)
        self.frozen_norms = freeze(self.model, self.recipe.freeze)
        self.memory_format = torch.channels_last if self.recipe.channels_last else torch.contiguous_format
        self.model.to(memory_format=self.memory_format)
        self.optimizer_options, self.scheduler_options = optimizer, scheduler
        accuracy = MulticlassAccuracy(len(class_names), average="micro")
        self.train_accuracy, self.val_accuracy, self.test_accuracy = (accuracy.clone() for _ in range(3))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of normalised images (N, C, H, W)."""
        logits: Tensor = self.model(images.contiguous(memory_format=self.memory_format))
        return logits

    def train(self, mode: bool = True) -> Self:
        """Into training mode, but for frozen norms, whose statistics have to stay as they are."""
        super().train(mode)
        for name in self.frozen_norms:
            self.model.get_submodule(name).eval()
        return self

    def on_fit_start(self) -> None:
        """Compile the network where it will run."""
        if self.recipe.compile:
            compile_network(self.model, self.device)

    def on_train_start(self) -> None:
        """Put frozen norms into evaluation mode, for which Lightning would have warned a moment earlier."""
        self.train()

    def training_step(self, batch: Batch) -> Tensor:
        """Mean loss of the batch."""
        optimizer = self.optimizers(use_pl_optimizer=False) if self._trainer is not None else None
        if isinstance(optimizer, SAM) and optimizer.ascended:  # the batch has been counted by now
            with statistics_kept(self.model):
                return self._loss_and_logits(batch, self.recipe.label_smoothing)[0]
        return self._step("train", batch, self.recipe.label_smoothing)

    def validation_step(self, batch: Batch) -> None:
        """Log loss and accuracy."""
        self._step("val", batch)

    def test_step(self, batch: Batch) -> None:
        """Log loss and accuracy."""
        self._step("test", batch)

    def configure_optimizers(self) -> tuple[list[Optimizer], list[Any]]:
        """The optimizer, and its schedule: one step per batch, or per validation where it depends on that.

        Raises `UserError` for an optimizer that the trainer's options do not go with.
        """
        optimizer = build_optimizer(self.model, head_lr=self.recipe.head_lr, **self.optimizer_options)
        if isinstance(optimizer, SAM):
            refuse_sam(self.trainer)
        steps = int(self.trainer.estimated_stepping_batches)
        schedulers = build_schedulers(optimizer, total_steps=steps, **self.scheduler_options)
        plateaus: dict[bool, dict[str, Any]]
        plateaus = {True: {"interval": "epoch", "monitor": MONITOR, "strict": False}, False: {"interval": "step"}}
        return [optimizer], [{"scheduler": s, **plateaus[isinstance(s, ReduceLROnPlateau)]} for s in schedulers]

    def configure_callbacks(self) -> Sequence[Callback]:
        """What takes the steps of a schedule that depends on the validation."""
        return [PlateauSteps()]

    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """Leave the steps that depend on the validation to `PlateauSteps`."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step()

    def _step(self, split: str, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        loss, logits = self._loss_and_logits(batch, label_smoothing)
        accuracy = getattr(self, f"{split}_accuracy")
        accuracy(logits, batch.labels)
        values = {f"{split}/loss": loss, f"{split}/accuracy": accuracy}
        count = len(batch.labels)
        self.log_dict(values, on_step=False, on_epoch=True, prog_bar=True, batch_size=count, sync_dist=True)
        return loss

    def _loss_and_logits(self, batch: Batch, label_smoothing: float) -> tuple[Tensor, Tensor]:
        images = batch.images.contiguous(memory_format=self.memory_format)
        return loss_and_logits(self.model, images, batch.labels, label_smoothing)
