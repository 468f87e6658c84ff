"""The network that a run explains, with its weights."""

from pathlib import Path

import torch
from torch import nn

from relprop.data import ImageDataModule
from relprop.models import build_model
from relprop.models.weights import load_weights, pretrained
from relprop.runs import refuse_other_network


def load_network(checkpoint: Path | None, model: str, data: ImageDataModule) -> tuple[nn.Module, str]:
    """The network `model` for the data set, and a sentence on where its weights come from.

    Without a checkpoint they are torchvision's for ImageNet. Raises `UserError` if the checkpoint cannot be read or is
    of another network.
    """
    if checkpoint is None:
        return pretrained(model), f"{model} with torchvision's ImageNet weights"
    refuse_other_network(checkpoint, _trained_as(checkpoint), (data.name, model))
    network = build_model(model, num_classes=data.num_classes, image_size=data.image_size)
    load_weights(network, checkpoint)
    return network, f"{model} from {checkpoint}"


def _trained_as(path: Path) -> tuple[str, str] | None:
    """Data set and network that a checkpoint of `Classifier` names; None for weights from elsewhere."""
    if path.suffix != ".ckpt":
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # whatever is wrong with the file, loading its weights says it better
        return None
    found = content.get("hyper_parameters") if isinstance(content, dict) else None
    return (
        (found["dataset"], found["model"]) if isinstance(found, dict) and {"dataset", "model"} <= set(found) else None
    )
