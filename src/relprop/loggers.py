"""Experiment loggers by name."""

import logging
import netrc
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from omegaconf import DictConfig, OmegaConf

from relprop.config import flatten
from relprop.enduring import EnduringLogger, describe
from relprop.registry import create

log = logging.getLogger(__name__)

# Seconds after which W&B is out of reach, and how long a finished run may still upload; WANDB_INIT_TIMEOUT and
# WANDB_FINISH_TIMEOUT say otherwise.
TIMEOUTS: Mapping[str, Any] = MappingProxyType({"init_timeout": 20, "finish_timeout": 120})


def build_logger(name: str, folder: Path, **options: Any) -> EnduringLogger:
    """The logger `name`, writing into `folder`. Trouble of its own ends no run.

    Raises `UserError` for a logger or an option that there is not.
    """
    build = create("logger", name, LOGGERS, folder, **options)
    return EnduringLogger(name, folder, build)


def close(loggers: Iterable[Logger]) -> None:
    """End their runs, so that the next one in this process is a run of its own."""
    for logger in loggers:
        logger.finalize("success")
        if isinstance(logger, EnduringLogger):
            logger.finish()


def log_config(logger: Logger, config: DictConfig, provenance: Mapping[str, Any]) -> None:
    """The whole composed config, seed included, with commit and versions, as hyper-parameters like `optimizer/lr`."""
    composed = OmegaConf.to_container(config, resolve=True)
    assert isinstance(composed, dict)
    logger.log_hyperparams(flatten({**composed, **provenance}, "/"))


def _wandb(
    folder: Path, project: str, group: str | float | None = None, run_name: str | float | None = None
) -> Callable[[], Logger]:
    """Offline, into `folder`/wandb, unless an API key is set or WANDB_MODE says otherwise.

    Runs of one `group` are shown together; None leaves it to WANDB_RUN_GROUP. `run_name` is what the run is called;
    None: as the folder. YAML makes numbers of names that look like some.
    """
    name = folder.name if run_name is None else str(run_name)
    begin = partial(_start_wandb, folder, str(project), None if group is None else str(group), name)

    def build() -> Logger:
        os.environ.setdefault("WANDB_MODE", "online" if _has_api_key() else "offline")
        try:
            return begin()
        except Exception as error:
            if os.environ["WANDB_MODE"] in ("offline", "disabled"):
                raise
            log.warning(
                "W&B cannot be reached (%s); this run is logged offline, and 'wandb sync %s/wandb/*' uploads it later",
                describe(error),
                folder,
            )
        os.environ["WANDB_MODE"] = "offline"  # for later runs of this process, too: they need not wait again
        return begin()

    return build


def _start_wandb(folder: Path, project: str, group: str | None, name: str) -> Logger:
    import wandb  # here, since it may be broken

    timeouts = {key: value for key, value in TIMEOUTS.items() if f"WANDB_{key.upper()}" not in os.environ}
    settings = wandb.Settings(silent=True, console="off", finish_timeout_raises=True, **timeouts)
    # W&B itself reads the variable only once.
    mode: Literal["offline"] | None = "offline" if os.environ["WANDB_MODE"] == "offline" else None
    run = wandb.init(project=project, group=group, name=name, dir=folder, mode=mode, settings=settings)
    return WandbLogger(experiment=run)


def _csv(folder: Path) -> Callable[[], Logger]:
    return lambda: CSVLogger(folder, name="", version="csv")


def _tensorboard(folder: Path) -> Callable[[], Logger]:
    def build() -> Logger:
        threading.excepthook = partial(_hear, threading.excepthook)
        return TensorBoardLogger(folder, name="", version="tensorboard")

    return build


def _hear(others: Callable[[threading.ExceptHookArgs], object], raised: threading.ExceptHookArgs) -> None:
    """Print no traceback of TensorBoard's writing thread: who logs next gets its exception."""
    if not type(raised.thread).__module__.startswith("tensorboard."):
        others(raised)


def _has_api_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:  # where `wandb login` writes
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


LOGGERS: Mapping[str, Callable[..., Callable[[], Logger]]] = MappingProxyType(
    {"wandb": _wandb, "csv": _csv, "tensorboard": _tensorboard}
)
