"""The network that is explained, from a checkpoint, trained now, or downloaded."""

import logging
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig
from torch import nn

from relprop.checkpoints import load_network
from relprop.data import ImageDataModule
from relprop.experiment.building import options_of
from relprop.experiment.training import train_into
from relprop.runs import PRETRAINED

log = logging.getLogger(__name__)


def must_train(config: DictConfig, checkpoint: Path | None) -> bool:
    """Whether there are no weights yet, and none to download."""
    return checkpoint is None and (config.ckpt == "train" or config.dataset.name != PRETRAINED)


def network_for(config: DictConfig, checkpoint: Path | None, data: ImageDataModule) -> tuple[nn.Module, Path | None]:
    """The network and the file that its weights are from, trained now if there is none; None: downloaded."""
    if must_train(config, checkpoint):
        log.info("training %s on %s", config.model.name, data.name)
        folder = Path(config.output_dir) / "train" / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
        checkpoint = train_into(folder, config)
    network, source = load_network(checkpoint, config.model.name, data, options_of(config.model))
    log.info("explaining %s", source)
    return network, checkpoint
