"""The CIFAR-10 ResNets of He et al. 2015 §4.2: stages of 16, 32 and 64 channels, parameter-free shortcuts.

The names of the modules are those of Yerlan Idelbayev's `pytorch_resnet_cifar10`, whose trained weights load.
"""

from collections.abc import Mapping
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

# Blocks per stage; a network of n blocks in each of three stages has 6n + 2 weighted layers.
CIFAR_RESNETS: Mapping[str, int] = {
    "resnet20": 3,
    "resnet32": 5,
    "resnet44": 7,
    "resnet56": 9,
    "resnet110": 18,
}


def cifar_resnet(name: str, num_classes: int, image_size: int) -> "CifarResNet":
    """The network `name`, one of `CIFAR_RESNETS`: the same for every `image_size`, since it ends in an average."""
    return CifarResNet(CIFAR_RESNETS[name], num_classes)


class CifarResNet(nn.Module):
    """Three stages of `blocks` basic blocks, from images (N,3,H,W) to logits (N,num_classes).

    The paper's images have 32×32 pixels.
    """

    def __init__(self, blocks: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = _conv(3, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage(16, 16, blocks)
        self.layer2 = _stage(16, 32, blocks)
        self.layer3 = _stage(32, 64, blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N,num_classes) of images (N,3,H,W)."""
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return cast(Tensor, self.linear(self.avgpool(x).flatten(1)))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut; the first of a stage halves the map and widens it."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        widens = channels != channels_in
        self.conv1 = _conv(channels_in, channels, stride=2 if widens else 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = _conv(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = PadShortcut(channels - channels_in) if widens else nn.Identity()
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N,channels_in,H,W) to (N,channels,H,W), or half of H and W where the block widens."""
        residual = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return cast(Tensor, self.relu2(residual + self.shortcut(x)))


class PadShortcut(nn.Module):
    """The paper's option A: every second pixel, and `extra` channels of zeros, half before and half after.

    `stride` may be set to 1 for a stage that widens and does not halve.
    """

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra, self.stride = extra, 2

    def forward(self, x: Tensor) -> Tensor:
        """(N,C,H,W) to (N,C+extra,⌈H/stride⌉,⌈W/stride⌉)."""
        half = self.extra // 2
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.extra - half))


def _conv(channels_in: int, channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels, kernel_size=3, stride=stride, padding=1, bias=False)


def _stage(channels_in: int, channels: int, blocks: int) -> nn.Sequential:
    widths = [channels_in] + [channels] * (blocks - 1)
    return nn.Sequential(*(BasicBlock(width, channels) for width in widths))
