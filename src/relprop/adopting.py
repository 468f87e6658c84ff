"""What a command that takes a checkpoint need not say, since the checkpoint does. Imports torch only to open one."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from relprop.runs import config_beside, find_checkpoint, network_of

# Options of a data set that its network depends on; where it lies and how it is read is the command's own.
SHARED = ("image_size", "path")


def adopted(config: DictConfig, words: Sequence[str]) -> DictConfig:
    """`config` with the data set and the network that its checkpoint was trained on, where no word says otherwise.

    `words` are those of the command. If one of them chooses a data set, a network or an experiment, that is kept, but
    the same data set comes with the checkpoint's `SHARED` options, and the same network with the checkpoint's. So does
    what ckpt=auto finds. A checkpoint that says nothing leaves `config` as it is; so does ckpt=train.
    """
    trained = _training_of(config)
    if trained is None:
        return config
    given = {word.partition("=")[0].lstrip("+~") for word in words}
    changed = OmegaConf.create(OmegaConf.to_container(config, resolve=True))
    assert isinstance(changed, DictConfig)
    chosen = "experiment" in given
    if (not chosen and "dataset" not in given) or config.dataset.name == trained.dataset.name:
        ours = [key for key in config.dataset if key != "name" and (key not in SHARED or f"dataset.{key}" in given)]
        changed.dataset = OmegaConf.merge(trained.dataset, OmegaConf.masked_copy(config.dataset, ours))
    if (not chosen and "model" not in given) or config.model.name == trained.model.name:
        ours = [key for key in config.model if f"model.{key}" in given]
        changed.model = OmegaConf.merge(trained.model, OmegaConf.masked_copy(config.model, ours))
    return changed


def _training_of(config: DictConfig) -> DictConfig | None:
    """The config of the training whose checkpoint is named or found: beside it, or else in it."""
    if config.ckpt == "auto":
        found = find_checkpoint(Path(config.output_dir), config.dataset.name, network_of(config))
        return None if found is None else config_beside(found)
    if config.ckpt in ("train", None):
        return None
    path = Path(str(config.ckpt)).expanduser()
    if not path.is_file():
        return None
    beside = config_beside(path)
    if beside is not None or path.suffix != ".ckpt":
        return beside
    from relprop.checkpoints import trained_config  # here, since torch takes seconds that a refusal need not wait for

    return trained_config(path)
