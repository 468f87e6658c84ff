"""ResNet-18 to -152 (He et al. 2015 §4.1): torchvision's, with another stem for images up to 64 px."""

from typing import cast

from torch import nn
from torchvision import models

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
LARGEST_SMALL = 64


def resnet(name: str, num_classes: int, image_size: int) -> nn.Module:
    """The ResNet `name` for images (N,3,image_size,image_size), from 65 pixels on torchvision's own.

    The stem of the paper divides the side by four before the first block, which would leave 1×1 of a 32-pixel
    image at the last stage. As customary on CIFAR, small images get a 3×3 convolution of stride 1 and no max
    pooling.
    """
    network = models.get_model(name, weights=None, num_classes=num_classes)
    if image_size <= LARGEST_SMALL:
        network.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
        network.maxpool = nn.Identity()
    return cast(nn.Module, network)
