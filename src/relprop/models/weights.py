"""Trained weights: from a file of one's own, or from torchvision for ImageNet."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model_weights

from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.head import head_modules
from relprop.models.resnet import RESNETS
from relprop.models.squeezenet import SQUEEZENETS
from relprop.models.vgg import VGGS

# What nn.DataParallel, torch.compile, and modules that hold the network under a name of theirs put before its names.
_PREFIX = re.compile(r"^(?:module\.|_orig_mod\.|model\.|net\.|network\.|backbone\.)+")
# Under which keys published checkpoints keep their state dict.
_CONTAINERS = ("state_dict", "model_state_dict", "model")
IMAGENET = "imagenet"
_REMEDY = "save the weights with torch.save(model.state_dict(), path) or as .safetensors"


def load_state_dict_file(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU, without prefixes such as `module.` and `model.`.

    Takes `.safetensors` files and whatever `torch.load` reads without running code, either a plain state dict or one
    under the key `state_dict`, `model_state_dict` or `model`. Raises `UserError` if the file is missing, damaged or
    holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(
            f"There is no weights file {path}; give the path of a .pt, .pth, .th, .ckpt or .safetensors file."
        )
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    state = content
    if isinstance(content, Mapping):
        state = next((content[key] for key in _CONTAINERS if isinstance(content.get(key), Mapping)), content)
    if not isinstance(state, Mapping) or not state or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"{path} does not hold a state dict, that is tensors by name: {_REMEDY}.")
    return {_PREFIX.sub("", str(name)): tensor for name, tensor in state.items()}


@cache
def weights_hash(path: Path) -> str:
    """SHA-256 of the tensors of a checkpoint by name; what else is in the file, as where it was made, does not count.

    A file is read once in a process. Raises as `load_state_dict_file`.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(load_state_dict_file(path).items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_weights(model: nn.Module, path: str | Path, replace_head: bool = False) -> None:
    """Load all weights of `model` from a file, in place; if that fails, `model` is left as it was.

    With `replace_head` the layers that depend on the number of classes keep the weights that they have. Raises
    `UserError` if the file cannot be read, or holds another network or, without `replace_head`, a head of another size.
    """
    _load(model, load_state_dict_file(path), Path(path), replace_head)


def load_imagenet_weights(model: nn.Module, name: str, replace_head: bool = False) -> None:
    """Load torchvision's `IMAGENET1K_V1` weights of the network `name` into `model`; else as `load_weights`.

    Downloaded once into torch.hub's folder. Raises `UserError` also if torchvision has no such weights, or if they
    neither lie in that folder nor can be downloaded.
    """
    weights, file = _imagenet_weights(name)
    _load(model, _download(weights, file), file, replace_head)


def pretrained(name: str) -> nn.Module:
    """The network `name` for ImageNet (1000 classes, 224 pixels) with `load_imagenet_weights`."""
    model = build_model(name, num_classes=1000, image_size=224)
    load_imagenet_weights(model, name)
    return model


def imagenet_weights_file(name: str) -> Path:
    """Where the weights lie that `load_imagenet_weights` loads, downloaded now if need be. Raises as that does."""
    weights, file = _imagenet_weights(name)
    _download(weights, file)
    return file


def _imagenet_weights(name: str) -> tuple[Any, Path]:
    """What torchvision knows of the weights, and where they lie or will lie."""
    try:
        weights = get_model_weights(name)["IMAGENET1K_V1"]
    except ValueError:
        raise UserError(
            f"torchvision has no ImageNet weights for '{name}'; take one of "
            f"{', '.join((*VGGS, *RESNETS, *SQUEEZENETS))}, or load weights from a file."
        ) from None
    return weights, Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rpartition("/")[2]


def _download(weights: Any, file: Path) -> dict[str, Tensor]:
    if not file.is_file():
        try:
            weights.get_state_dict(progress=True, check_hash=True, map_location="cpu", weights_only=True)
        except (OSError, HTTPException, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{weights.url} could not be downloaded ({reason}); download it where there is a network and "
                f"put it into {file.parent}."
            ) from error
    return load_state_dict_file(file)


def _load(model: nn.Module, state: Mapping[str, Tensor], path: Path, replace_head: bool) -> None:
    network, expected, heads = type(model).__name__, model.state_dict(), head_modules(model)
    if replace_head:
        state, expected = (_without(heads, tensors) for tensors in (state, expected))
    # Checkpoints from before torch 0.4.1 do not count batches; load_state_dict starts the count at 0.
    missing = [k for k in expected if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in state if k not in expected]
    if missing or unexpected:
        raise UserError(
            f"{path} holds the weights of another network than {network}: {_some(missing, 'missing')}, "
            f"{_some(unexpected, 'unexpected')}; build the network that was trained."
        )
    # The last layer first, so that a head of other classes is named as such where more than the head depends on them.
    for key, tensor in reversed(expected.items()):
        if key in state and state[key].shape != tensor.shape:
            raise UserError(_shape_message(network, heads, key, state[key], tensor, path))
    model.load_state_dict(dict(state), strict=False)  # what is missing has been looked at


def _without(heads: Sequence[str], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in state.items() if key.rpartition(".")[0] not in heads}


def _shape_message(network: str, heads: Sequence[str], key: str, given: Tensor, wanted: Tensor, path: Path) -> str:
    if key.rpartition(".")[0] in heads and given.shape[1:] == wanted.shape[1:]:
        return (
            f"{path} has a head of {given.shape[0]} classes, but this {network} one of {wanted.shape[0]}; "
            f"build it with num_classes={given.shape[0]}, or train a new head with replace_head=true."
        )
    return (
        f"{path} holds the weights of another network than {network}: {key} has shape {tuple(given.shape)} "
        f"instead of {tuple(wanted.shape)}; build the network that was trained, for its image size."
    )


def _some(keys: list[str], what: str) -> str:
    shown = ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")
    return f"{len(keys)} keys {what}" + (f" ({shown})" if keys else "")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a .safetensors file or is damaged ({error}); {_REMEDY}.") from error


def _read_torch(path: Path) -> Any:
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # damaged bytes make the unpickler raise nearly anything
        refused = re.search(r"GLOBAL (\S+)", str(error))
        if refused:
            raise UserError(
                f"{path} was not loaded: it holds {refused[1]}, which could run code; accepted are tensors "
                f"only, {_REMEDY}."
            ) from error
        raise UserError(
            f"{path} is not a checkpoint of torch or is damaged ({type(error).__name__}); {_REMEDY}."
        ) from error
