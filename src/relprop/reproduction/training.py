"""A network that a paper has trained: trained here, once."""

import time
from itertools import islice
from pathlib import Path
from statistics import mean

import torch
import torch.nn.functional as F
from omegaconf import DictConfig

from relprop.experiment.building import build_classifier, build_data
from relprop.experiment.training import train_into
from relprop.models import MODELS
from relprop.models.weights import IMAGENET, imagenet_weights_file, weights_hash
from relprop.reproduction.tasks import Task, module_of, named, placed, settings, versions
from relprop.resuming import NOTE
from relprop.runs import BEST

# All of a training's config but where it lies and what it tells.
NOT_TRAINED = ("ckpt", "run_dir", "output_dir", "data_dir", "logger", "hydra")
STEPS = 3


class TrainTask(Task):
    """One run as `train.py` does it."""

    @property
    def best(self) -> Path:
        """The checkpoint that comes of it."""
        return self.folder / BEST

    def run(self) -> None:
        """Train, or go on with a training that was killed."""
        train_into(self.folder, self.config, continues=(self.folder / NOTE).is_file())

    def estimate(self, known: dict[str, float]) -> float:
        """From a few steps, after one that is not counted."""
        data = build_data(self.config)
        data.setup("fit")
        model = build_classifier(self.config, data).model
        seconds = []
        for batch in islice(data.train_dataloader(), STEPS + 1):
            began = time.perf_counter()
            moved = data.on_after_batch_transfer(batch)
            torch.autograd.backward(F.cross_entropy(model(moved.images), moved.labels))
            seconds.append(time.perf_counter() - began)
        epochs: int = self.config.dataset.epochs
        return epochs * len(data.train_dataloader()) * mean(seconds[1:])


def train_task(parent: Path, label: str, config: DictConfig, alone: bool = False) -> TrainTask:
    """The training of a config of `train.py`; raises `UserError` if what it needs is not there."""
    data = build_data(config)
    data.setup("fit")
    images = data.split("train")
    origin = None if config.weights is None else weights_hash(_origin(config))
    facts = {
        "config": settings(config, [str(key) for key in config if key not in NOT_TRAINED]),
        "data": images.fingerprint(range(len(images))),
        "weights": origin,
        "versions": versions(module_of(MODELS[config.model.name]), "relprop.training", "relprop.data.augment"),
    }
    folder = named(parent, [config.dataset.name, config.model.name, f"seed{config.seed}"], facts)
    return TrainTask(folder, label, placed(config, folder, label), alone=alone)


def _origin(config: DictConfig) -> Path:
    if config.weights == IMAGENET:
        return imagenet_weights_file(config.model.name)
    return Path(str(config.weights)).expanduser()
