"""Configs of other jobs, composed for a paper's tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from relprop.sentences import composed


@dataclass(frozen=True)
class Words:
    """What a command says to all of its tasks.

    `conf` is the folder of configs, `logger` the name of the logger, `seed` that of what names none of its own,
    `shared` values by dotted key, `images` the number of test images in place of the paper's own.
    """

    conf: Path
    logger: str
    seed: int
    shared: Mapping[str, Any]
    images: int | None = None

    def compose(self, job: str, sentence: Sequence[str]) -> DictConfig:
        """The config of `job` ("train" or "visualize") in these words; the folder of the run is still open.

        Raises `UserError` for words that mean nothing.
        """
        given = [f"seed={self.seed}", *sentence, f"logger={self.logger}"]
        if self.images is not None and job == "visualize":
            given.append(f"images={self.images}")
        config = composed(self.conf, job, given)
        changes = {**self.shared, "run_dir": None}
        if self.images is not None and job == "visualize":
            changes["dataset.per_class"] = None  # which would choose other images
        for key, value in changes.items():
            OmegaConf.update(config, key, value)
        return config
