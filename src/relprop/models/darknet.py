"""DarkNet-19 (Redmon and Farhadi 2017, "YOLO9000", table 6) and DarkNet-53 (2018, "YOLOv3", table 1).

The layers are those of the papers; images up to 64 px are halved three times instead of five.
"""

from typing import cast

from torch import Tensor, nn

from relprop.errors import UserError

DARKNETS = ("darknet19", "darknet53")
LARGEST_SMALL = 64
SMALLEST_19 = 8  # the three poolings that small images keep halve the side; below 8 pixels nothing would be left
SLOPE = 0.1  # of LeakyReLU below zero, as in the authors' own code

# YOLO9000, table 6: channels of the 3×3 and 1×1 convolutions in turns, and a max pooling between two rows.
CONVOLUTIONS_19 = (
    (32,),
    (64,),
    (128, 64, 128),
    (256, 128, 256),
    (512, 256, 512, 256, 512),
    (1024, 512, 1024, 512, 1024),
)
# YOLOv3, table 1: residual blocks after each convolution of stride 2, which doubles the 32 channels of the first one.
BLOCKS_53 = (1, 2, 8, 8, 4)


def darknet(name: str, num_classes: int, image_size: int) -> "DarkNet19 | DarkNet53":
    """The DarkNet `name` for images (N,3,image_size,image_size), from 65 pixels on the paper's.

    The papers halve the side five times, which would leave 1×1 of a 32-pixel image for the last stage. Up to 64
    pixels the first two halvings are left out, as in the stem of the ResNets: the same weights, on a map of 4×4.
    Raises `UserError` for DarkNet-19 on images under 8 pixels.
    """
    kept = 3 if image_size <= LARGEST_SMALL else 5
    if name == "darknet53":
        return DarkNet53(num_classes, kept)
    if image_size < SMALLEST_19:
        raise UserError(
            f"image_size={image_size} was given, but {name} halves the image three times and needs {SMALLEST_19} "
            f"pixels or more: enlarge the images or take darknet53."
        )
    return DarkNet19(num_classes, kept)


class DarkNet19(nn.Module):
    """19 convolutions and five max poolings, of which the last `halvings` are kept; the last convolution classifies.

    A pooling that is left out is an `nn.Identity`, so that the weights' names stay the same.
    """

    def __init__(self, num_classes: int, halvings: int) -> None:
        super().__init__()
        poolings = len(CONVOLUTIONS_19) - 1
        layers: list[nn.Module] = []
        channels_in = 3
        for stage, row in enumerate(CONVOLUTIONS_19):
            if stage > 0:
                layers.append(nn.MaxPool2d(2) if stage > poolings - halvings else nn.Identity())
            for position, channels in enumerate(row):
                layers.append(_unit(channels_in, channels, kernel_size=1 if position % 2 else 3))
                channels_in = channels
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Conv2d(channels_in, num_classes, kernel_size=1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N,num_classes) of images (N,3,H,W)."""
        return cast(Tensor, self.avgpool(self.classifier(self.features(images))).flatten(1))


class DarkNet53(nn.Module):
    """52 convolutions in five stages of residual blocks and a linear layer; the last `halvings` stages halve the map.

    A stage that does not halve starts with stride 1, so that the weights stay the same.
    """

    def __init__(self, num_classes: int, halvings: int) -> None:
        super().__init__()
        self.stem = _unit(3, 32, kernel_size=3)
        channels, layers = 32, []
        for stage, blocks in enumerate(BLOCKS_53):
            stride = 2 if stage >= len(BLOCKS_53) - halvings else 1
            widen = _unit(channels, 2 * channels, kernel_size=3, stride=stride)
            channels *= 2
            layers.append(nn.Sequential(widen, *(DarkBlock(channels) for _ in range(blocks))))
        self.stages = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N,num_classes) of images (N,3,H,W)."""
        return cast(Tensor, self.fc(self.avgpool(self.stages(self.stem(images))).flatten(1)))


class DarkBlock(nn.Module):
    """A 1×1 convolution to half the channels and a 3×3 one back beside an identity; no activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _unit(channels, channels // 2, kernel_size=1)
        self.conv2 = _unit(channels // 2, channels, kernel_size=3)

    def forward(self, x: Tensor) -> Tensor:
        """(N,channels,H,W) to the same shape."""
        return x + cast(Tensor, self.conv2(self.conv1(x)))


def _unit(channels_in: int, channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, kernel_size, stride, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(channels),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def _initialise(module: nn.Module) -> None:
    # By fan_in, since the head of DarkNet-19 is a convolution too: fan_out would be the number of classes.
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, a=SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
