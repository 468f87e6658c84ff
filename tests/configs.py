"""Compose the real configs as the scripts do, with everything written below a temporary folder."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

CONF = Path(__file__).parents[1] / "conf"
SCRIPTS = CONF.parent / "scripts"


def composed(name: str, folder: Path, *overrides: str) -> DictConfig:
    """The config `name`, with `run_dir` and `output_dir` below `folder` and no progress bars."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        quiet = ["trainer.enable_progress_bar=false"] if name in ("train", "visualize") else []
        return compose(name, [f"output_dir={folder}", f"run_dir={folder}/{name}/run", *quiet, *overrides])


def options(group: str) -> list[str]:
    """Names of the files of a config group, sorted."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))
