"""Networks by name, as `build_model("resnet20", num_classes=10, image_size=32)`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from relprop.errors import UserError
from relprop.models.attention_branch import ATTENTION_BRANCH_NETWORKS, attention_branch_network
from relprop.models.cifar_resnet import CIFAR_RESNETS, cifar_resnet
from relprop.models.darknet import DARKNETS, darknet
from relprop.models.resnet import RESNETS, resnet
from relprop.models.squeezenet import SQUEEZENETS, squeezenet
from relprop.models.vgg import VGGS, vgg
from relprop.registry import choose, create

__all__ = ["MODELS", "build_model", "list_models"]

# Each builder takes its network's name, the number of classes, the side of the images in pixels, and its own options.
MODELS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        **dict.fromkeys(VGGS, vgg),
        **dict.fromkeys(RESNETS, resnet),
        **dict.fromkeys(CIFAR_RESNETS, cifar_resnet),
        **dict.fromkeys(DARKNETS, darknet),
        **dict.fromkeys(SQUEEZENETS, squeezenet),
        **dict.fromkeys(ATTENTION_BRANCH_NETWORKS, attention_branch_network),
    }
)


def list_models() -> list[str]:
    """The names that `build_model` takes: VGGs, ResNets, CIFAR ResNets, DarkNets, SqueezeNets, and `abn_…`."""
    return list(MODELS)


def build_model(name: str, *, num_classes: int, image_size: int, **options: Any) -> nn.Module:
    """A freshly initialised network from images (N,3,image_size,image_size) to logits (N,num_classes).

    `options` are those of the network: `branch`, the stage before the attention branch, of an Attention Branch Network;
    `width`, the share of the usual channels, of a VGG up to 64 pixels.

    Up to 64 pixels VGG, ResNet, DarkNet and SqueezeNet take their small-image form; above that VGG, ResNet and
    SqueezeNet are torchvision's own, whose ImageNet weights load, and DarkNet is the papers'. The CIFAR ResNets
    are the same at any size. Raises `UserError` for an unknown name or option, no class, or an image too small.
    """
    choose("model", name, MODELS)
    if num_classes < 1:
        raise UserError(f"num_classes={num_classes} was given; a network needs at least 1 class.")
    if image_size < 1:
        raise UserError(f"image_size={image_size} was given; give the side of the images in pixels, 1 or more.")
    return create("model", name, MODELS, name, num_classes, image_size, **options)
