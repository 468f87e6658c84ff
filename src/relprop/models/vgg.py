"""VGG (Simonyan and Zisserman 2015): torchvision's for photographs, one with a small head up to 64 pixels."""

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn
from torchvision import models
from torchvision.models.vgg import cfgs, make_layers

from relprop.errors import UserError

# torchvision's letters for the layer lists of the paper's table 1.
_CONFIGURATIONS: Mapping[str, str] = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}
VGGS: Mapping[str, tuple[str, bool]] = {
    name + suffix: (letter, suffix == "_bn") for suffix in ("", "_bn") for name, letter in _CONFIGURATIONS.items()
}
SMALLEST = 32  # five poolings halve the side; below 32 pixels nothing would be left
LARGEST_SMALL = 64


def vgg(name: str, num_classes: int, image_size: int, width: float = 1.0) -> nn.Module:
    """The VGG `name` for images (N,3,image_size,image_size), from 65 pixels on torchvision's own.

    `width` times the number of channels has each layer of the small form (Zagoruyko and Komodakis 2016 widen so).
    Raises `UserError` for images under 32 pixels, and for another width than 1 above 64 pixels.
    """
    if image_size < SMALLEST:
        raise UserError(
            f"image_size={image_size} was given, but {name} halves the image five times and needs {SMALLEST} "
            f"pixels or more: enlarge the images or take a ResNet."
        )
    if image_size > LARGEST_SMALL:
        if width != 1:
            raise UserError(
                f"model.width={width} was given, but {name} for images of more than {LARGEST_SMALL} pixels is "
                f"torchvision's, which has model.width=1.0 alone; take smaller images or leave model.width out."
            )
        return cast(nn.Module, models.get_model(name, weights=None, num_classes=num_classes))
    letter, batch_norm = VGGS[name]
    layers = [layer if isinstance(layer, str) else max(1, round(layer * width)) for layer in cfgs[letter]]
    return SmallVGG(make_layers(layers, batch_norm=batch_norm), num_classes)


class SmallVGG(nn.Module):
    """The convolutions of torchvision's VGG under a head for images of 32 to 64 pixels.

    After five poolings 1×1 or 2×2 positions are left. torchvision's head would repeat them to 7×7 and
    spend 120 million weights on the copies; here they are averaged to one number per channel, and
    one hidden layer of the same width is enough. The modules keep torchvision's names and order (`features`, `avgpool`,
    `classifier` as Linear, ReLU, Dropout, Linear), so that the convolutions' weights carry over between
    the two forms.
    """

    def __init__(self, features: nn.Sequential, num_classes: int) -> None:
        super().__init__()
        channels = [module for module in features if isinstance(module, nn.Conv2d)][-1].out_channels
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(channels, num_classes)
        )
        for module in self.modules():
            _initialise(module)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N,num_classes) of images (N,3,H,W), H and W 32 to 64 pixels."""
        return cast(Tensor, self.classifier(self.avgpool(self.features(images)).flatten(1)))


def _initialise(module: nn.Module) -> None:
    # He initialisation for the linear layers too: torchvision's std of 0.01 is meant for 4096 inputs and
    # would shrink the signal of 512 inputs to a sixth in each layer.
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)
