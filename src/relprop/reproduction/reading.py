"""Data sets that are read once in a process, however many cells use them."""

from functools import lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from relprop.data import ImageDataModule
from relprop.experiment.building import build_data

KEPT = 3  # data sets at a time; those of small images are all in memory


def data_of(config: DictConfig, **changes: Any) -> ImageDataModule:
    """As `build_data`, with the images that earlier calls have read."""
    data = build_data(config, **changes)
    data.share(_read(OmegaConf.to_yaml(OmegaConf.masked_copy(config, ["dataset", "data_dir", "seed"]), resolve=True)))
    return data


@lru_cache(KEPT)
def _read(config: str) -> ImageDataModule:
    made = OmegaConf.create(config)
    assert isinstance(made, DictConfig)
    return build_data(made)
