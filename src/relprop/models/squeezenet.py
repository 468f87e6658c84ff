"""SqueezeNet 1.0 and 1.1 (Iandola et al. 2016): torchvision's, with another stem for images up to 64 px."""

from typing import cast

from torch import nn
from torchvision import models

from relprop.errors import UserError

SQUEEZENETS = ("squeezenet1_0", "squeezenet1_1")
LARGEST_SMALL = 64
SMALLEST = 4  # below 4 pixels the second of the two poolings that small images keep has nothing to look at


def squeezenet(name: str, num_classes: int, image_size: int) -> nn.Module:
    """The SqueezeNet `name` for images (N,3,image_size,image_size), from 65 pixels on torchvision's own.

    The paper's layers divide the side by sixteen, which would leave 1×1 of a 32-pixel image. As in the ResNets, images
    up to 64 pixels get a 3×3 convolution of stride 1 first, and no pooling after it: the map is 8×8 at 32 pixels.
    Raises `UserError` for images under 4 pixels.
    """
    if image_size < SMALLEST:
        raise UserError(
            f"image_size={image_size} was given, but {name} halves the image twice and needs {SMALLEST} pixels or "
            f"more: enlarge the images or take a ResNet."
        )
    network = models.get_model(name, weights=None, num_classes=num_classes)
    if image_size <= LARGEST_SMALL:
        stem = nn.Conv2d(3, network.features[0].out_channels, kernel_size=3, padding=1)
        # As torchvision initialises all but the last convolution.
        nn.init.kaiming_uniform_(stem.weight)
        stem.bias = nn.Parameter(stem.weight.new_zeros(stem.out_channels))
        network.features[0], network.features[2] = stem, nn.Identity()
    return cast(nn.Module, network)
