"""Short trainings by Lightning of a very small VGG on the embedded digits."""

from functools import cache
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from omegaconf import OmegaConf

from relprop.data import Batch, build_datamodule
from relprop.data.base import ImageDataModule
from relprop.training import Classifier
from tests.configs import CONF, options

DIGITS = [str(digit) for digit in range(10)]
SGD: dict[str, Any] = {"name": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
CONSTANT: dict[str, Any] = {"name": "constant"}
STEPS = 3  # in an epoch


def options_in(group: str, name: str) -> dict[str, Any]:
    """The options of a choice as its yaml has them."""
    content = OmegaConf.to_container(OmegaConf.load(CONF / group / f"{name}.yaml"))
    assert isinstance(content, dict) and name in options(group)
    return {str(key): value for key, value in content.items()}


def classifier(
    optimizer: dict[str, Any] = SGD,
    scheduler: dict[str, Any] = CONSTANT,
    model: str = "vgg11_bn",
    **recipe: Any,
) -> Classifier:
    """With the same weights at every call, and of a VGG a sixteenth of the channels."""
    torch.manual_seed(0)
    width = {"width": 1 / 16} if model.startswith("vgg") else {}
    return Classifier("digits", model, DIGITS, 32, optimizer, scheduler, width, recipe)


def fit(
    module: Classifier, *callbacks: Callback, epochs: int = 1, ckpt_path: Path | None = None, **options: Any
) -> L.Trainer:
    """`STEPS` batches of 16 digits in each epoch, and one to validate with."""
    trainer = L.Trainer(
        **{
            "max_epochs": epochs,
            "limit_train_batches": STEPS,
            "limit_val_batches": 1,
            "num_sanity_val_steps": 0,
            "accelerator": "cpu",
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            **options,
        },
        callbacks=list(callbacks),
    )
    trainer.fit(module, digits(), ckpt_path=ckpt_path)
    return trainer


@cache
def digits() -> ImageDataModule:
    """Without augmentation."""
    data = build_datamodule("digits", batch_size=16)
    data.augment = lambda images, *_: images
    return data


class Recorder(Callback):
    """Keeps batches and learning rates of every step, and the weights after it; seeds each step by its number."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.rates: list[list[float]] = []
        self.weights: list[dict[str, torch.Tensor]] = []

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, *_: Any) -> None:
        torch.manual_seed(trainer.global_step)
        self.batches.append(batch)
        self.rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        self.weights.append({name: value.clone() for name, value in pl_module.state_dict().items()})
