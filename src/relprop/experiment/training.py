"""Train a classifier."""

import logging
import time
from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint
from omegaconf import DictConfig

from relprop.experiment.building import build_data, build_logger_for, build_trainer, options_of, plain, start
from relprop.loggers import close
from relprop.models.weights import load_weights
from relprop.provenance import provenance
from relprop.results import device_name
from relprop.resuming import SUMMARY, write_json
from relprop.runs import BEST
from relprop.training import Classifier

log = logging.getLogger(__name__)


def train(config: DictConfig) -> None:
    """Train as the config says.

    Writes the composed config, the best and the last checkpoint, the log and `summary.json` into `config.run_dir`.
    """
    train_into(Path(config.run_dir), config, config.ckpt)


def train_into(folder: Path, config: DictConfig, ckpt: str | None) -> Path:
    """Train, test, and give the best checkpoint by validation accuracy."""
    start(config, folder)
    origin = provenance()
    began = time.perf_counter()
    data = build_data(config)
    classifier = Classifier(
        dataset=data.name,
        model=config.model.name,
        class_names=list(data.class_names),
        image_size=data.image_size,
        optimizer=plain(config.optimizer),
        scheduler=plain(config.scheduler),
        model_options=options_of(config.model),
    )
    if ckpt is not None:
        load_weights(classifier.model, ckpt)
    best = _checkpoints(folder / BEST)
    trainer = build_trainer(config, folder, build_logger_for(config, folder), [best])
    trainer.fit(classifier, data)
    if best.best_model_path:  # a fast_dev_run writes none
        load_weights(classifier.model, best.best_model_path)
    (scores,) = trainer.test(classifier, data, verbose=False)
    summary = {
        "dataset": data.name,
        "model": config.model.name,
        "epochs": trainer.current_epoch,
        "precision": trainer.precision,
        "n": len(data.split("test")),
        **{name.replace("/", "_"): value for name, value in scores.items()},
        "wall_time_seconds": time.perf_counter() - began,
        "seed": config.seed,
        "device": device_name(trainer.strategy.root_device),
        **origin,
    }
    write_json(summary, folder / SUMMARY)
    close(trainer.loggers)
    log.info("test accuracy %.2f %% of %d images, in %s", 100 * scores["test/accuracy"], summary["n"], folder)
    return folder / BEST


def _checkpoints(best: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        best.parent,
        filename=best.stem,
        monitor="val/accuracy",
        mode="max",
        save_last=True,
        enable_version_counter=False,
    )
