"""Experiment loggers by name."""

import netrc
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import wandb
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from relprop.registry import create


def build_logger(name: str, folder: Path, **options: str) -> Logger:
    """The logger `name`, writing into `folder`."""
    return create("logger", name, LOGGERS, folder, **options)


def close(loggers: Iterable[Logger]) -> None:
    """End their runs, so that the next one in this process is a run of its own."""
    for logger in loggers:
        logger.finalize("success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def _wandb(folder: Path, project: str) -> Logger:
    """Offline, into `folder`/wandb, unless an API key is set or WANDB_MODE says otherwise."""
    os.environ.setdefault("WANDB_MODE", "online" if _has_api_key() else "offline")
    quiet = wandb.Settings(silent=True, console="off")
    return WandbLogger(experiment=wandb.init(project=project, name=folder.name, dir=folder, settings=quiet))


def _csv(folder: Path) -> Logger:
    return CSVLogger(folder, name="", version="csv")


def _tensorboard(folder: Path) -> Logger:
    return TensorBoardLogger(folder, name="", version="tensorboard")


def _has_api_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:  # where `wandb login` writes
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


LOGGERS: Mapping[str, Callable[..., Logger]] = MappingProxyType(
    {"wandb": _wandb, "csv": _csv, "tensorboard": _tensorboard}
)
