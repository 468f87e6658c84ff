"""Rules for max pooling."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.graph import Kind
from relprop.lrp.maps import transpose, vjp
from relprop.lrp.rule import Rule
from relprop.lrp.visit import Layer, Visit

AVERAGES = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


@dataclass(frozen=True)
class WinnerTakesAll(Rule):
    """Max pooling: the largest input of a window gets all of its relevance (the first one, among equals)."""

    kinds = frozenset({Kind.MAXPOOL})

    def __call__(self, visit: Visit) -> Tensor:
        """R_i = Σ_j [i wins j] R_j."""
        assert visit.a is not None
        return vjp(visit.function, visit.a, visit.relevance)


@dataclass(frozen=True)
class MaxAsAverage(Rule):
    """Max pooling treated as the average over windows as wide as its stride, R_i = a_i R_j / (avg_j(a) + ε) / |window|.

    So do the published codes of Otsuki et al. 2024 (for MaxPool2d(3, 2, 1) too: AvgPool2d(2)) and Fischer 2021, behind
    a ReLU; without one, inputs below zero get nothing. Window j covers the rows s·j … s·j+s−1; those beyond the image
    do not count, rows in no window get nothing. Where the pooling has more windows than that gives, its own windows are
    averaged.
    """

    eps: float = 1e-6
    kinds = frozenset({Kind.MAXPOOL})

    def prepare(self, layer: Layer) -> None:
        """Refuses pooling without a stride."""
        if not hasattr(layer.module, "stride"):
            raise UserError(f"{layer.name}: {layer.module} has no windows to average; use the rule WinnerTakesAll")

    def __call__(self, visit: Visit) -> Tensor:
        """a · avgᵀ(c)."""
        assert visit.a is not None
        a = visit.a if visit.layer.nonnegative else visit.a.clamp(min=0)
        average = _window_average(visit.layer.module, a.shape[2:], visit.relevance.shape[2:])
        z = average(a).add_(self.eps)
        c = torch.div(visit.relevance, z, out=z)
        if visit.ledger is not None:
            visit.ledger.add("stabilizer", c * self.eps)
        return transpose(average, c, a.shape).mul_(a)


def _window_average(pool: Any, size: torch.Size, windows: torch.Size) -> Callable[[Tensor], Tensor]:
    average: Any = AVERAGES[len(size)]
    stride = _each(pool.stride, len(size))
    reached = [min(n, s * w) for n, s, w in zip(size, stride, windows, strict=True)]
    if all(-(-n // s) == w for n, s, w in zip(reached, stride, windows, strict=True)):
        inside: Any = (..., *(slice(n) for n in reached))
        return lambda a: average(a[inside], stride, ceil_mode=True)
    return _own_average(pool, size, windows, stride)


def _own_average(pool: Any, size: torch.Size, windows: torch.Size, stride: list[int]) -> Callable[[Tensor], Tensor]:
    """The average over the pooling's own windows, dilated ones too, of what they have of the image."""
    kernel, padding, dilation = (_each(v, len(size)) for v in (pool.kernel_size, pool.padding, pool.dilation))
    ends = [(w - 1) * s + d * (k - 1) + 1 for w, s, d, k in zip(windows, stride, dilation, kernel, strict=True)]
    sides = [(p, end - n - p) for p, end, n in zip(padding, ends, size, strict=True)]
    around = [side for pair in reversed(sides) for side in pair]
    convolution: Any = CONVOLUTIONS[len(size)]

    def total(a: Tensor) -> Tensor:
        padded = F.pad(a.flatten(0, 1).unsqueeze(1), around)
        sums: Tensor = convolution(padded, a.new_ones(1, 1, *kernel), stride=stride, dilation=dilation)
        return sums.view(*a.shape[:2], *windows)

    return lambda a: total(a) / total(torch.ones_like(a)).clamp(min=1)


def _each(values: Any, dimensions: int) -> list[int]:
    """An option of pooling once for every dimension."""
    return list(values) if isinstance(values, tuple | list) else [values] * dimensions
