"""A network whose backward pass is written out by hand, with modules and with functions, and the rules of its ReLUs."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Rule = Callable[[Tensor, Tensor], Tensor]  # input of the ReLU, what comes back to it


def guided(x: Tensor, back: Tensor) -> Tensor:
    return torch.where((x > 0) & (back > 0), back, 0)


def deconvolved(x: Tensor, back: Tensor) -> Tensor:
    return torch.where(back > 0, back, 0)


class Modules(nn.Module):
    """Convolution, ReLU, convolution beside an identity, ReLU, linear: one in-place ReLU module, called twice."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.stem, self.conv = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, padding=1)
            self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(4 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        return self.head(self.relu(self.conv(x) + x).flatten(1))


class Functions(Modules):
    """The same network with functions, of which captum sees none."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x), inplace=True)
        y = self.conv(x)
        y += x
        return self.head(torch.flatten(torch.relu(y), 1))


def walk_back(model: Modules, images: Tensor, target: Tensor, rule: Rule) -> Tensor:
    """∂ logit / ∂ pixel with `rule` at both ReLUs, (N, 3, H, W)."""
    with torch.no_grad():
        first = model.stem(images)
        x = first.relu()
        second = model.conv(x) + x
        back = rule(second, model.head.weight[target].view_as(second))
        back = rule(first, F.conv_transpose2d(back, model.conv.weight, padding=1) + back)
        return F.conv_transpose2d(back, model.stem.weight)
