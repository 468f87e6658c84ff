"""Finished trainings of the same network that differ in number format and seed alone: read and check their folders.

Imports no torch, so that what is wrong with a folder is said at once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from relprop.config import leaves
from relprop.errors import UserError
from relprop.resuming import SUMMARY
from relprop.runs import BEST, CONFIG

NEEDED = ("dataset", "model", "epochs", "precision", "seed", "n", "test_accuracy", "device")  # of a summary
# What trainings that are compared may differ in: the two things that are studied, and what changes no weight.
STUDIED = ("trainer.precision", "seed")
FREE = ("run_dir", "output_dir", "data_dir", "dataset.data_dir", "dataset.num_workers", "trainer.enable_progress_bar")


@dataclass(frozen=True)
class Training:
    """A finished training: its folder, summary and config."""

    folder: Path
    summary: Mapping[str, Any]
    config: DictConfig

    @property
    def precision(self) -> str:
        """The number format that was asked for."""
        return str(self.config.trainer.precision)

    @property
    def seed(self) -> int:
        """What chose its first weights and its order."""
        return int(self.config.seed)

    @property
    def checkpoint(self) -> Path:
        """Its best weights."""
        return self.folder / BEST


def read_trainings(folders: Any) -> list[Training]:
    """The finished trainings in these folders, sorted by seed.

    Raises `UserError` if there are none, if one is not there, unfinished or damaged, if two have the same format and
    seed, or if they differ in more than these.
    """
    if not isinstance(folders, Sequence) or isinstance(folders, str) or not folders:
        raise UserError(
            f"runs={'null' if folders is None else folders} is not valid; name the folders of finished trainings: "
            "runs=[outputs/train/A,outputs/train/B]"
        )
    trainings = [read_training(Path(str(folder)).expanduser()) for folder in folders]
    met: dict[tuple[str, int], Training] = {}
    for training in trainings:
        other = met.setdefault((training.precision, training.seed), training)
        if other is not training:
            raise UserError(
                f"{other.folder} and {training.folder} both have trainer.precision={training.precision} and "
                f"seed={training.seed}; name one of them"
            )
        _refuse_other_training(trainings[0], training)
    return sorted(trainings, key=lambda training: training.seed)


def read_training(folder: Path) -> Training:
    """The finished training in `folder`."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; give the folder of a run of train.py")
    for name in (CONFIG, SUMMARY, BEST):
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} has no {name}; if it is a training that was killed, finish it with "
                f"'python scripts/train.py ckpt=last run_dir={folder}'"
            )
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        config = OmegaConf.load(folder / CONFIG)
    except ValueError as error:
        raise UserError(f"{folder} is damaged ({error}); train anew") from error
    missing = [key for key in NEEDED if key not in summary]
    if missing or not isinstance(config, DictConfig):
        raise UserError(f"{folder / SUMMARY} has no {' and no '.join(missing)}; give the folder of a run of train.py")
    return Training(folder, summary, config)


def _refuse_other_training(first: Training, other: Training) -> None:
    ours, theirs = _settings(first.config), _settings(other.config)
    for key in {**ours, **theirs}:
        if ours.get(key) != theirs.get(key):
            raise UserError(
                f"{first.folder} has {key}={_shown(ours.get(key))}, {other.folder} {key}={_shown(theirs.get(key))}; "
                f"compare trainings that differ in {' and '.join(STUDIED)} alone"
            )


def _settings(config: DictConfig) -> dict[str, Any]:
    """Values by dotted key, but for those that may differ; what follows from the seed is called so, too."""
    return {
        key: value
        for key, value in leaves(config).items()
        if key not in (*STUDIED, *FREE) and not key.startswith("logger.") and not key.endswith(".seed")
    }


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)
