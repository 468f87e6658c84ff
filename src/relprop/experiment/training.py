"""Train a classifier."""

import logging
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from omegaconf import DictConfig, OmegaConf

from relprop import unfinished
from relprop.callbacks.timing import Timing
from relprop.experiment.building import (
    build_classifier,
    build_data,
    build_logger_for,
    build_trainer,
    plain,
    recipe_of,
    start,
)
from relprop.loggers import close, log_config
from relprop.models.weights import IMAGENET, load_imagenet_weights, load_weights
from relprop.processes import first
from relprop.provenance import provenance
from relprop.results import device_name
from relprop.resuming import SUMMARY, hold, write_json
from relprop.runs import BEST, LAST
from relprop.training import Classifier
from relprop.training.atomic import AtomicCheckpointIO
from relprop.training.beginning import BeforeFirstStep
from relprop.training.continuing import Continuing
from relprop.training.finite import DivergedError, StopAtNaN
from relprop.training.keeping import KeepLastAndBest
from relprop.training.origin import Origin
from relprop.training.recipe import MONITOR
from relprop.training.seeded_steps import SeededSteps
from relprop.training.signals import OwnSignals

log = logging.getLogger(__name__)


def train(config: DictConfig, continues: bool = False) -> None:
    """Train as the config says, or with `continues` go on with the training that was killed in its `run_dir`.

    Writes the composed config, the best and the last checkpoint, the log and `summary.json` into `config.run_dir`.
    """
    train_into(Path(config.run_dir), config, continues)


def train_into(folder: Path, config: DictConfig, continues: bool = False) -> Path:
    """Train, test, and give the best checkpoint by validation accuracy.

    With `continues` from the end of the last epoch that the training in `folder` has finished, to the same weights.
    """
    began = time.perf_counter()
    with hold(folder) if first() else nullcontext():
        config = _settled(config, folder)
        start(config, None)
        if first():
            if continues:
                unfinished.go_on(folder, config)
            warnings.filterwarnings("ignore", "Experiment logs directory .* is not empty")  # `go_on` has kept its file
        try:
            summary = _train(folder, config, folder / LAST if continues else None)
        except DivergedError:
            if first() and not (folder / LAST).exists():
                unfinished.forget(folder)  # there is nothing to continue from, nor will there be
            raise
        if first():
            write_json({**summary, "wall_time_seconds": time.perf_counter() - began}, folder / SUMMARY)
    percent = 100 * summary["test_accuracy"]
    log.info("test accuracy %.2f %% of %d images, in %s", percent, summary["n"], folder)
    return folder / BEST


def _train(folder: Path, config: DictConfig, last: Path | None) -> dict[str, Any]:
    """The summary of a training; `last` is the checkpoint that it continues from, if that was written yet."""
    origin = provenance()
    data = build_data(config)
    classifier = build_classifier(config, data)
    continues = last is not None and last.exists()
    if config.weights is not None and not continues:
        _start_from(config, classifier)
    keep = KeepLastAndBest(folder / LAST, folder / BEST, MONITOR)
    timing = Timing()
    origin_of_checkpoints = Origin(OmegaConf.to_yaml(config, resolve=True), origin)
    callbacks = [timing, origin_of_checkpoints, *classifier.recipe.callbacks(), keep]
    if last is None:  # the folder keeps what is in it until nothing can be refused any more
        callbacks.append(BeforeFirstStep(lambda: unfinished.begin(folder, config)))
    trainer = _trainer(folder, config, callbacks)
    for logger in trainer.loggers:
        log_config(logger, config, origin)
    trainer.fit(classifier, data, ckpt_path=last if continues else None, weights_only=True)
    trainer.strategy.barrier()  # until the first of several processes has written the best weights
    if (folder / BEST).exists():  # a fast_dev_run writes none
        load_weights(classifier.model, folder / BEST)
    (scores,) = trainer.test(classifier, data, verbose=False)
    close(trainer.loggers)
    return {
        "dataset": data.name,
        "model": config.model.name,
        "epochs": trainer.current_epoch if keep.epoch is None else keep.epoch + 1,
        "best_epoch": keep.best_epoch,  # counted from 0
        "val_accuracy": keep.best_score,
        "precision": trainer.precision,
        "optimizer": plain(config.optimizer),
        "scheduler": plain(config.scheduler),
        "recipe": recipe_of(config),
        **timing.summary,
        "n": data.test_size,
        **{name.replace("/", "_"): value for name, value in scores.items()},
        "seed": config.seed,
        "device": device_name(trainer.strategy.root_device),
        **origin,
    }


def _start_from(config: DictConfig, classifier: Classifier) -> None:
    """Load the weights that the training starts from."""
    if config.weights == IMAGENET:
        load_imagenet_weights(classifier.model, config.model.name, config.replace_head)
    else:
        load_weights(classifier.model, str(config.weights), config.replace_head)
    head = f", its head new for {len(classifier.hparams['class_names'])} classes" if config.replace_head else ""
    log.info("starting from the weights of %s%s", config.weights, head)


def _trainer(folder: Path, config: DictConfig, callbacks: list[Callback]) -> L.Trainer:
    """Its steps and its checkpoints are those of any other run of this config, killed or not."""
    steady = [OwnSignals(), StopAtNaN(folder / LAST), SeededSteps(config.seed), Continuing()]
    logger = build_logger_for(config, folder)
    rates = [LearningRateMonitor()] if logger else []
    return build_trainer(config, folder, logger, [*steady, *rates, *callbacks], plugins=[AtomicCheckpointIO()])


def _settled(config: DictConfig, folder: Path) -> DictConfig:
    """The config by which this training can be continued: as `config`, but for the folder and the first weights."""
    settled = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    assert isinstance(settled, DictConfig)
    settled.run_dir, settled.ckpt = str(folder), None
    if settled.weights not in (None, IMAGENET):  # it may be continued from elsewhere
        settled.weights = str(Path(str(settled.weights)).expanduser().absolute())
    return settled
