"""Networks of the usual depth and shape with a share of the usual channels."""

from torch import nn

from relprop.models import build_model
from relprop.models.cifar_resnet import CIFAR_RESNETS

CLASSES = 10


def slim(name: str, side: int) -> nn.Module:
    """The network `name` for ten classes and small images, narrowed, but for the ResNets of CIFAR-10."""
    model = build_model(name, num_classes=CLASSES, image_size=side)
    return model if name.removeprefix("abn_") in CIFAR_RESNETS else narrowed(model)


def narrowed(model: nn.Module, share: int = 4) -> nn.Module:
    """The model itself, for ten classes, every layer of it with the `share`-th part of its channels and new weights."""
    for path, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d):
            given, out = _fewer(module.in_channels, share), _fewer(module.out_channels, share)
            options = {"stride": module.stride, "padding": module.padding, "bias": module.bias is not None}
            layer: nn.Module = nn.Conv2d(given, out, module.kernel_size, **options)
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            layer = nn.BatchNorm2d(_fewer(module.num_features, share))
        elif isinstance(module, nn.Linear):
            layer = nn.Linear(_fewer(module.in_features, share), _fewer(module.out_features, share))
        else:
            continue
        parent, _, last = path.rpartition(".")
        setattr(model.get_submodule(parent), last, layer)
    return model


def _fewer(channels: int, share: int) -> int:
    """Those of images, classes and single maps stay."""
    return channels if channels in (1, 3, CLASSES) else channels // share
