"""Patterns for the composites that take them."""

import logging
from pathlib import Path

from omegaconf import DictConfig
from torch import nn

from relprop.data import ImageDataModule
from relprop.errors import UserError
from relprop.experiment.building import build_data, on_cpu, process_count
from relprop.explainers.lrp import takes_patterns
from relprop.lrp import Patterns, fit_patterns

log = logging.getLogger(__name__)


def images_for_patterns(config: DictConfig) -> ImageDataModule | None:
    """The data set whose training images the method's patterns are to be fitted on; None if it needs or has no such.

    Whatever is wrong with the images or with the file `method.patterns` is said here.
    """
    if "patterns" not in config.method:
        return None
    takes, file = takes_patterns(config.method.composite), config.method.patterns
    if file is not None:
        if not takes:
            name = config.method.composite
            raise UserError(f"method.patterns={file}: composite={name} has no rule that takes patterns; leave it out")
        Patterns.load(Path(str(file)).expanduser())
    if file is not None or not takes:
        return None
    if process_count(config) != 1:
        raise UserError(
            f"trainer.devices={config.trainer.devices}: patterns are fitted on one device; run with trainer.devices=1 "
            "once, then give method.patterns=FILE, its patterns.safetensors"
        )
    data = build_data(config)
    data.split("train")
    return data


def fitted_patterns(config: DictConfig, network: nn.Module, data: ImageDataModule, path: Path, continued: bool) -> str:
    """The file `path` with patterns from one pass over the training images, or from when the run began.

    The images are not augmented, but for the random cut that makes ImageNet's equal in size when they are read.
    """
    if not (continued and path.is_file()):
        device = "cpu" if on_cpu(config) else "cuda"
        network.to(device)
        batches = (batch._replace(images=batch.images.to(device)) for batch in data.train_dataloader())
        fit_patterns(network, map(data.on_after_batch_transfer, batches), bn=config.method.bn).save(path)
        log.info("patterns fitted on the %d training images of %s: %s", len(data.split("train")), data.name, path)
    return str(path)
