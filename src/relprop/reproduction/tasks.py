"""What is computed once and kept: a training, a scored method, the speed of one. Each is a folder that says what it is.

A task is named by a hash of all that its numbers depend on, so that it is found again whatever table asks for it, and
done anew when one of these changes.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from relprop.code_versions import closure_hash
from relprop.config import leaves
from relprop.resuming import SUMMARY

LIBRARIES = ("torch", "torchvision", "captum", "scikit-image", "opencv-python-headless")
# Where files lie, and who reads them: it changes no number.
PLACES = ("data_dir", "num_workers", "enable_progress_bar")


@dataclass(frozen=True)
class Task(ABC):
    """Something to compute into `folder`, done when there is a summary.

    `label` is what people call it, `config` the composed config, `checkpoint` the file with the network's weights. What
    is `alone` measures time or memory: it has a process of its own, all cores, and nothing beside it.
    """

    folder: Path
    label: str
    config: DictConfig
    checkpoint: Path | None = None
    alone: bool = False

    @property
    def key(self) -> str:
        """The task's name, the same wherever the folders are."""
        return self.folder.name

    @property
    def done(self) -> bool:
        """Whether its results are there."""
        return (self.folder / SUMMARY).is_file()

    @property
    def summary(self) -> dict[str, Any]:
        """What has come out."""
        content: dict[str, Any] = json.loads((self.folder / SUMMARY).read_text(encoding="utf-8"))
        return content

    @property
    def kinds(self) -> list[tuple[str, ...]]:
        """What tasks that take about as long have in common, the nearest first; all have the last."""
        return [()]

    @abstractmethod
    def run(self) -> None:
        """Compute what is missing; a task that was killed goes on."""

    @abstractmethod
    def estimate(self, known: dict[str, float]) -> float:
        """How many seconds it takes, from a short measurement; `known` are those made for other tasks, by name."""


def named(parent: Path, words: Iterable[str], facts: Mapping[str, Any]) -> Path:
    """The folder in `parent` of what depends on `facts`: `words`, for people, and a hash of the facts."""
    content = json.dumps(facts, sort_keys=True, default=str)
    return parent / "-".join([*words, hashlib.sha256(content.encode()).hexdigest()[:16]])


def placed(config: DictConfig, folder: Path, label: str, checkpoint: Path | None = None) -> DictConfig:
    """`config` with the folder and the name of its run and, if there is one, the file of its weights."""
    settled = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    assert isinstance(settled, DictConfig)
    settled.run_dir = str(folder)
    if "run_name" in settled.logger:
        settled.logger.run_name = label
    if checkpoint is not None:
        settled.ckpt = str(checkpoint)
    return settled


def settings(config: DictConfig, groups: Iterable[str], free: Iterable[str] = ()) -> dict[str, Any]:
    """Values of these groups of a config by dotted key, but for options that change no number, those `free` too."""
    chosen, left_out = set(groups), {*PLACES, *free}
    return {
        key: value
        for key, value in leaves(config).items()
        if key.partition(".")[0] in chosen and key.rpartition(".")[2] not in left_out
    }


def versions(*modules: str) -> dict[str, str]:
    """Of the libraries that compute, and of the package's source behind these modules."""
    return {**{library: version(library) for library in LIBRARIES}, "code": closure_hash(sorted(modules))}


def module_of(thing: Any) -> str:
    """The name of the module that a class or function is defined in."""
    return str(thing.__module__)
