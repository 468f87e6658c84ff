"""Parts of an experiment, built from its config."""

import inspect
import logging
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from torch import nn

from relprop.data import ImageDataModule, build_datamodule
from relprop.errors import UserError
from relprop.loggers import build_logger
from relprop.metrics import METRICS, HeatmapMetric, get_metric
from relprop.processes import first, launcher, refuse_other_count
from relprop.registry import choose
from relprop.runs import CONFIG
from relprop.training import Classifier, resolve_precision
from relprop.training.recipe import Recipe

log = logging.getLogger(__name__)


def start(config: DictConfig, folder: Path | None) -> None:
    """Seed everything; the first process writes the composed config into the folder of the results to come, if any."""
    for chatty in ("lightning.pytorch", "lightning.fabric"):  # tells of other products and of absent TPUs
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric.strategies.launchers").setLevel(logging.INFO)  # tells of processes that died
    warnings.filterwarnings("ignore", ".*LeafSpec")  # Lightning's use of torch, not ours
    warnings.filterwarnings("ignore", ".*ReduceLROnPlateau conditioned on")  # `PlateauSteps` waits for the validation
    for advice in (".*smaller than the logging interval", ".*`srun` command is available", ".*not have many workers"):
        warnings.filterwarnings("ignore", advice)  # of Lightning's, on a choice that the config has made
    L.seed_everything(config.seed, workers=True, verbose=False)
    if folder is not None and first():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")


def build_data(config: DictConfig, **changes: Any) -> ImageDataModule:
    """The data set, `changes` to its options made."""
    options = {key: value for key, value in plain(config.dataset).items() if key != "epochs"}
    return build_datamodule(**{**options, "seed": config.seed, **changes})


def build_classifier(config: DictConfig, data: ImageDataModule) -> Classifier:
    """The network that the config trains, with its optimizer, schedule and recipe."""
    return Classifier(
        dataset=data.name,
        model=config.model.name,
        class_names=list(data.class_names),
        image_size=data.image_size,
        optimizer=plain(config.optimizer),
        scheduler=plain(config.scheduler),
        model_options=options_of(config.model),
        recipe=recipe_of(config),
    )


def recipe_of(config: DictConfig) -> dict[str, Any]:
    """What the config says beside optimizer and schedule."""
    return {field.name: config[field.name] for field in fields(Recipe)}


def build_logger_for(config: DictConfig, folder: Path) -> Logger | None:
    """The config's logger, writing into `folder`; None in all processes but the first."""
    return None if not first() else build_logger(config.logger.name, folder, **options_of(config.logger))


def build_trainer(
    config: DictConfig, folder: Path, logger: Logger | None, callbacks: list[Callback], **changes: Any
) -> L.Trainer:
    """A trainer with the config's options and `changes` to them; without a logger it shows no progress either."""
    options = {**plain(config.trainer), **changes}
    options["precision"], message = resolve_precision(options["precision"], on_cpu(config))
    if message:
        log.info(message)
    options["enable_progress_bar"] &= logger is not None
    bars: list[Callback] = [RichProgressBar()] if options["enable_progress_bar"] else []
    if launcher() == "srun":  # nothing is requeued, and no checkpoint written, in the middle of an epoch
        options["plugins"] = [*options.get("plugins", []), SLURMEnvironment(auto_requeue=False)]
    try:
        trainer = L.Trainer(
            **options,
            logger=logger or False,
            callbacks=[*callbacks, *bars],
            default_root_dir=folder,
            enable_model_summary=False,
            use_distributed_sampler=False,  # the samplers and batches of `ImageDataModule` are each process's part
        )
    except (TypeError, ValueError, L.fabric.utilities.exceptions.MisconfigurationException) as error:
        raise UserError(f"lightning.Trainer refuses the options of 'trainer': {error}") from error
    refuse_other_count(trainer.num_devices, trainer.num_nodes)
    return trainer


def process_count(config: DictConfig) -> int:
    """How many processes the config's devices and nodes make."""
    devices = config.trainer.devices
    if not isinstance(devices, int) or devices < 0:  # Lightning takes all GPUs
        devices = 1 if on_cpu(config) else torch.cuda.device_count()
    return int(devices * config.trainer.get("num_nodes", 1))


def build_metric(config: DictConfig, network: nn.Module, offers: dict[str, Any]) -> HeatmapMetric:
    """The config's metric; of `offers` (statistics of the images, forms of the method) it gets what it takes."""
    name = config.metric.name
    takes = inspect.signature(choose("metric", name, METRICS)).parameters
    if "trace" in takes and "trace" not in offers:
        raise UserError(f"metric={name} needs method=lrp: method={config.method.name} has no relevance inside")
    given = {key: value for key, value in offers.items() if key in takes}
    return get_metric(name, network, **options_of(config.metric), **given)


def on_cpu(config: DictConfig) -> bool:
    """Whether the config runs without a GPU."""
    return config.trainer.accelerator == "cpu" or not torch.cuda.is_available()


def options_of(choice: DictConfig) -> dict[str, Any]:
    """What stands beside the name of a choice."""
    return {key: value for key, value in plain(choice).items() if key != "name"}


def plain(config: DictConfig) -> dict[str, Any]:
    """As a dict, interpolations resolved."""
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}
