"""The network that a run explains, with its weights, and what its checkpoint says of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn
from yaml import YAMLError

from relprop.data import ImageDataModule
from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.weights import load_weights, pretrained
from relprop.runs import refuse_other_network
from relprop.training.origin import KEY


def load_network(
    checkpoint: Path | None, model: str, data: ImageDataModule, options: Mapping[str, Any] | None = None
) -> tuple[nn.Module, str]:
    """The network `model` for the data set, and a sentence on where its weights come from.

    `options` are those of `build_model`; None: those that the checkpoint was trained with, for whose image size the
    network is built. Without a checkpoint the weights are torchvision's for ImageNet. Raises `UserError` if the
    checkpoint cannot be read or is of another network, of the same with other options, or of other classes.
    """
    if checkpoint is None:
        return pretrained(model), f"{model} with torchvision's ImageNet weights"
    trained = _hyper_parameters(checkpoint)
    given = (trained["dataset"], trained["model"]) if trained else None
    refuse_other_network(checkpoint, given, (data.name, model))
    theirs = trained.get("model_options")  # checkpoints from before there were any have none
    if theirs and options is not None and {"width": 1.0, **theirs} != {"width": 1.0, **options}:
        raise UserError(f"{checkpoint} is of {model} with {_said(theirs)}; say {_said(theirs)}, not {_said(options)}")
    _refuse_other_classes(checkpoint, trained.get("class_names"), data)
    size = trained.get("image_size", data.image_size)
    network = build_model(model, num_classes=data.num_classes, image_size=size, **(theirs or options or {}))
    load_weights(network, checkpoint)
    return network, f"{model} from {checkpoint}"


def trained_config(checkpoint: Path) -> DictConfig | None:
    """The config of the training that a checkpoint was written by; None if it does not say, or cannot be read."""
    origin = _content(checkpoint).get(KEY)
    if not isinstance(origin, Mapping) or not isinstance(origin.get("config"), str):
        return None
    try:
        config = OmegaConf.create(origin["config"])
    except (OmegaConfBaseException, YAMLError):  # somebody else's, or changed by hand
        return None
    return config if isinstance(config, DictConfig) and {"dataset", "model"} <= set(config) else None


def _hyper_parameters(checkpoint: Path) -> Mapping[str, Any]:
    """The arguments of the `Classifier` that a checkpoint is of; none for weights from elsewhere."""
    found = _content(checkpoint).get("hyper_parameters")
    return found if isinstance(found, Mapping) and {"dataset", "model"} <= set(found) else {}


def _content(path: Path) -> Mapping[str, Any]:
    """What Lightning has written; nothing for a file of another kind."""
    if path.suffix != ".ckpt":
        return {}
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # whatever is wrong with the file, loading its weights says it better
        return {}
    return content if isinstance(content, Mapping) else {}


def _refuse_other_classes(checkpoint: Path, theirs: list[str] | None, data: ImageDataModule) -> None:
    if theirs is None or tuple(theirs) == tuple(data.class_names):
        return
    if len(theirs) != data.num_classes:
        raise UserError(f"{checkpoint} is of {len(theirs)} classes, but {data.name} has {data.num_classes}")
    first = next(i for i, name in enumerate(theirs) if name != data.class_names[i])
    raise UserError(
        f"{checkpoint} is of other classes than {data.name} has here: class {first} is '{theirs[first]}', not "
        f"'{data.class_names[first]}'"
    )


def _said(options: Mapping[str, Any]) -> str:
    """Options of a network as on the command line."""
    return " ".join(f"model.{key}={value}" for key, value in options.items()) or "no options"
