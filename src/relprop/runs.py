"""Finished training runs below the output folder. Imports no torch, so that a wrong checkpoint is refused at once."""

import os
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from relprop.errors import UserError
from relprop.resuming import continues, noted_checkpoint

CONFIG, BEST, LAST = "config.yaml", "checkpoints/best.ckpt", "checkpoints/last.ckpt"
TRAINED_ON_DEMAND, PRETRAINED = "digits", "imagenet"


def choose_checkpoint(config: DictConfig, asked: DictConfig | None = None) -> Path | None:
    """The file that `ckpt` means; None if there is none yet, but one can be trained or downloaded.

    `asked` is the config as the command has it, where `config` has been completed.

    `ckpt=train` asks for a new one; `ckpt=auto` is the newest of the config's data set and network. A killed run that
    `run_dir` holds and the config continues has noted its own, which may no longer be the newest. Raises `UserError`
    if there is none for a data set that is neither embedded nor ImageNet, if a file is missing, or if it comes from a
    run of another network.
    """
    dataset, model, output_dir = config.dataset.name, network_of(config), Path(config.output_dir)
    if continues(Path(config.run_dir), asked or config):
        return noted_checkpoint(Path(config.run_dir))
    if config.ckpt == "train":
        return None
    if config.ckpt != "auto":
        path = Path(config.ckpt).expanduser()
        if not path.is_file():
            raise UserError(f"there is no checkpoint {path}; give ckpt=FILE or ckpt=auto")
        refuse_other_network(path, _run_of(path), (dataset, model))
        return path
    found = find_checkpoint(output_dir, dataset, model)
    if found is None and dataset not in (TRAINED_ON_DEMAND, PRETRAINED):
        others = {
            run[1] for run in map(_run_of, (output_dir / "train").glob(f"**/{BEST}")) if run and run[0] == dataset
        }
        there = "".join(f"; there is one of model={other}" for other in sorted(others))
        raise UserError(
            f"there is no checkpoint of {model} on {dataset} below {output_dir}{there}; make one with "
            f"'python scripts/train.py dataset={dataset} model={model}', or give ckpt=FILE"
        )
    return found


def find_checkpoint(output_dir: Path, dataset: str, model: str) -> Path | None:
    """The best checkpoint of the newest training run of this data set and network below `output_dir`."""
    return next((path for path in find_checkpoints(output_dir / "train") if _run_of(path) == (dataset, model)), None)


def find_checkpoints(folder: Path) -> list[Path]:
    """The best checkpoints of all training runs below `folder`, the newest first.

    Trainings may end, and folders be removed, while they are looked for.
    """
    found = dict[Path, int]()
    for parent, folders, _ in os.walk(folder):
        if Path(BEST).parent.name in folders:
            with suppress(OSError):
                found[Path(parent, BEST)] = Path(parent, BEST).stat().st_mtime_ns
    return sorted(found, key=found.__getitem__, reverse=True)


def refuse_other_network(path: Path, given: tuple[str, str] | None, wanted: tuple[str, str]) -> None:
    """Raise `UserError` if `path` is of another (data set, network) than wanted; None: it does not say."""
    if given is not None and given != wanted:
        raise UserError(
            f"{path} is of {given[1]} on {given[0]}, not of {wanted[1]} on {wanted[0]}; "
            f"say model={given[1]} dataset={given[0]}, or take another checkpoint"
        )


def config_beside(path: Path) -> DictConfig | None:
    """The config of the training whose checkpoint `path` is, if it still lies in that run's folder.

    None also if it cannot be read, or does not name data set and network.
    """
    folder = path.resolve().parent
    if folder.name != Path(BEST).parent.name:
        return None
    try:
        run = OmegaConf.load(folder.parent / CONFIG)
        OmegaConf.resolve(run)
        is_training = isinstance(run, DictConfig) and all(_has_name(run.get(part)) for part in ("dataset", "model"))
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):  # none, or changed by hand
        return None
    return run if isinstance(run, DictConfig) and is_training else None


def _has_name(choice: object) -> bool:
    return isinstance(choice, DictConfig) and isinstance(choice.get("name"), str)


def _run_of(path: Path) -> tuple[str, str] | None:
    """Data set and network of the run whose checkpoint `path` is, by the config in its folder."""
    run = config_beside(path)
    return None if run is None else (run.dataset.name, network_of(run))


def network_of(config: DictConfig) -> str:
    """Name and options of a config's network as on the command line: "abn_resnet20 model.branch=layer2"."""
    usual = {"name": config.model.name, "width": 1.0}  # runs from before there were widths do not have one
    options = [f"model.{key}={value}" for key, value in config.model.items() if usual.get(str(key)) != value]
    return " ".join([config.model.name, *options])
