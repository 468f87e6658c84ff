"""The network that a run explains, with its weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from relprop.data import ImageDataModule
from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.weights import load_weights, pretrained
from relprop.runs import refuse_other_network


def load_network(
    checkpoint: Path | None, model: str, data: ImageDataModule, options: Mapping[str, Any] | None = None
) -> tuple[nn.Module, str]:
    """The network `model` for the data set, and a sentence on where its weights come from.

    `options` are those of `build_model`; None: those that the checkpoint was trained with. Without a checkpoint the
    weights are torchvision's for ImageNet. Raises `UserError` if the checkpoint cannot be read or is of another
    network, or of the same with other options.
    """
    if checkpoint is None:
        return pretrained(model), f"{model} with torchvision's ImageNet weights"
    trained = _trained_as(checkpoint)
    given = (trained["dataset"], trained["model"]) if trained else None
    refuse_other_network(checkpoint, given, (data.name, model))
    theirs = (trained or {}).get("model_options")  # checkpoints from before there were any have none
    if theirs and options is not None and theirs != dict(options):
        raise UserError(f"{checkpoint} is of {model} with {_said(theirs)}; say {_said(theirs)}, not {_said(options)}")
    chosen = theirs or options or {}
    network = build_model(model, num_classes=data.num_classes, image_size=data.image_size, **chosen)
    load_weights(network, checkpoint)
    return network, f"{model} from {checkpoint}"


def _trained_as(path: Path) -> Mapping[str, Any] | None:
    """The hyper-parameters of a checkpoint of `Classifier`; None for weights from elsewhere."""
    if path.suffix != ".ckpt":
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # whatever is wrong with the file, loading its weights says it better
        return None
    found = content.get("hyper_parameters") if isinstance(content, dict) else None
    return found if isinstance(found, dict) and {"dataset", "model"} <= set(found) else None


def _said(options: Mapping[str, Any]) -> str:
    """Options of a network as on the command line."""
    return " ".join(f"model.{key}={value}" for key, value in options.items()) or "no options"
