"""Small networks that tests build: written with modules and with functions, in place and not."""

from collections import OrderedDict
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Functional(nn.Module):
    """Functions instead of modules, an option-A shortcut, in-place operations, a layer called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 16, 3, 2, 1)
        self.twice = nn.Conv2d(16, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x), inplace=True), 2)
        shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4))
        y = self.norm(self.down(x))
        y += shortcut
        y = torch.relu(y)
        y = self.twice(y).relu_() + y
        y = torch.add(self.twice(y), y)
        y = F.dropout(F.adaptive_avg_pool2d(F.relu(y), 1), training=self.training)
        return self.head(y.view(y.size(0), -1))


class PreActivation(nn.Module):
    """In-place ReLU on a tensor that the shortcut takes afterwards, and a batch norm that follows no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.conv(self.relu(x)))
        y = self.norm(self.relu(y + x))
        return self.head(torch.flatten(F.avg_pool2d(y, 8), 1))


def randomize_batchnorm(model: nn.Module) -> nn.Module:
    """Running statistics and affine parameters as after a training, so that folding has something to fold."""
    for module in model.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, -1.0, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model


class Aliases(nn.Module):
    """In-place changes seen through other names of the same tensor, and sizes of tensors that are long gone."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.stem, self.conv = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.relu, self.identity, self.dropout = nn.ReLU(inplace=True), nn.Identity(), nn.Dropout(p)
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        images = x
        x = self.stem(x)
        shortcut = self.identity(x)
        y = self.conv(self.relu(self.dropout(x)))  # changes x and shortcut, too
        y = y + shortcut
        z = F.relu(y + self.conv(y), inplace=True)
        return self.head(F.adaptive_avg_pool2d(z, 1).view(images.size(0), x.shape[1]))


class ChangedView(nn.Module):
    """An in-place change of a slice whose tensor is used afterwards: no step list can say that."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        self.relu(x[:, :2])
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Block(nn.Module):
    """Layers for 4 channels and 8 × 8 pixels, and any function of them and of x, which is never below zero."""

    def __init__(self, function: Callable[["Block", Tensor], Tensor], **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.conv, self.other, self.merge = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Conv2d(8, 4, 1)
        self.norm, self.fc = nn.BatchNorm2d(4), nn.Linear(4, 4)
        self.relu, self.inplace, self.dropout = nn.ReLU(), nn.ReLU(inplace=True), nn.Dropout()
        self.maxpool, self.avgpool, self.upsample = nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Upsample(scale_factor=2)
        self.flatten, self.pad = nn.Flatten(), nn.ZeroPad2d(1)
        self.scale = nn.Parameter(torch.rand(4, 1, 1) + 0.5)
        self.register_buffer("shift", torch.randn(4, 1, 1))
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def network_of(*functions: Callable[[Block, Tensor], Tensor], seed: int = 0, **modules: nn.Module) -> nn.Module:
    """Stem, batch norm, ReLU, blocks of these functions, and a head for 5 classes, in evaluation mode.

    The same weights whenever it is called with as many functions; `modules` are more layers for the blocks.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = OrderedDict(stem=nn.Conv2d(3, 4, 3, padding=1), norm=nn.BatchNorm2d(4), relu=nn.ReLU())
        layers.update(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), head=nn.Linear(4, 5))
        layers.update({f"block{number}": Block(function, **modules) for number, function in enumerate(functions)})
        for name in ("pool", "flatten", "head"):
            layers.move_to_end(name)
        return randomize_batchnorm(nn.Sequential(layers)).eval()


def dimensional(dimensions: int) -> nn.Module:
    """Convolution, batch norm, ReLU, pooling, transposed convolution in one, two or three dimensions."""
    names = ("Conv", "BatchNorm", "MaxPool", "ConvTranspose", "AvgPool", "AdaptiveAvgPool")
    conv, norm, maxpool, up, avgpool, last = (getattr(nn, f"{name}{dimensions}d") for name in names)
    layers = [conv(2, 4, 3, padding=1), norm(4), nn.ReLU(), maxpool(2), up(4, 4, 2, stride=2), avgpool(2), last(2)]
    return randomize_batchnorm(nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * 2**dimensions, 3))).eval()
