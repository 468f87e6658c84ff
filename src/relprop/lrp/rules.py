"""Propagation rules: how the relevance R_j of a layer's outputs becomes the relevance R_i of its inputs.

One small class per rule. Throughout, a_i is the layer's input, w_ij its weight from i to j, and
c_j = R_j / (z_j + ε) the relevance per unit of the rule's denominator z_j.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.modules.utils import _pair

from relprop.lrp.linear import LinearMap, transpose


@dataclass(frozen=True)
class Layer:
    """What a rule knows of a step: its module, and for weighted layers the linear map, weights (…) and bias (out,).

    `nonnegative` says that the input never is below zero.
    """

    module: Any
    map: LinearMap
    weight: Tensor | None
    bias: Tensor | None
    nonnegative: bool


class Rule(ABC):
    """Base of all rules. A rule has no state: what it needs of a layer's weights, `prepare` computes once."""

    needs_input = True

    def prepare(self, layer: Layer) -> Any:
        """Whatever of the weights stays the same from call to call."""
        return None

    @abstractmethod
    def __call__(self, layer: Layer, prepared: Any, a: Tensor, relevance: Tensor) -> Tensor:
        """Relevance of the inputs, of the shape of `a`, from the relevance of the outputs, which may be overwritten.

        Without `needs_input`, `a` tells shape, type and device only.
        """


def per_unit(relevance: Tensor, z: Tensor, eps: float) -> Tensor:
    """c = R / (z + ε), written into the memory of z."""
    return torch.div(relevance, z.add_(eps), out=z)


@dataclass(frozen=True)
class ZPlus(Rule):
    """z⁺-rule: only what excites a neuron gets relevance.

    R_i = a_i Σ_j w⁺_ij c_j with z_j = Σ_i a_i w⁺_ij for inputs a ≥ 0 (Montavon et al. 2017, "Explaining nonlinear
    classification decisions with deep Taylor decomposition", eq. 12). Inputs of either sign: the positive part of
    every product, a⁺w⁺ + a⁻w⁻, in place of a w⁺. The bias is left out; ε is added as it stands, since z ≥ 0.
    """

    eps: float = 1e-6

    def prepare(self, layer: Layer) -> tuple[Tensor, Tensor | None]:
        w = layer.weight
        assert w is not None
        return w.clamp(min=0), None if layer.nonnegative else w.clamp(max=0)

    def __call__(self, layer: Layer, prepared: Any, a: Tensor, relevance: Tensor) -> Tensor:
        w_pos, w_neg = prepared
        if w_neg is None:
            c = per_unit(relevance, layer.map(a, w_pos), self.eps)
            return layer.map.transpose(c, w_pos, a.shape).mul_(a)
        a_pos, a_neg = a.clamp(min=0), a.clamp(max=0)
        c = per_unit(relevance, layer.map(a_pos, w_pos).add_(layer.map(a_neg, w_neg)), self.eps)
        excited = layer.map.transpose(c, w_pos, a.shape).mul_(a_pos)
        return excited.add_(layer.map.transpose(c, w_neg, a.shape).mul_(a_neg))


@dataclass(frozen=True)
class ZPlusOnes(Rule):
    """z⁺-rule with an image of ones for the input: R_i = Σ_j w⁺_ij c_j with z_j = Σ_i w⁺_ij.

    Otsuki et al. 2024 and Fischer 2021 (published code) use it in the first layer, where a pixel's value says nothing
    about its importance. z depends on the size of the image only and is computed once per size.
    """

    eps: float = 1e-6
    needs_input = False

    def prepare(self, layer: Layer) -> tuple[Tensor, dict[torch.Size, Tensor]]:
        assert layer.weight is not None
        return layer.weight.clamp(min=0), {}

    def __call__(self, layer: Layer, prepared: Any, a: Tensor, relevance: Tensor) -> Tensor:
        w_pos, denominators = prepared
        size = a.shape[1:]
        if size not in denominators:
            denominators[size] = layer.map(w_pos.new_ones(1, *size), w_pos).add_(self.eps)
        return layer.map.transpose(relevance / denominators[size], w_pos, a.shape)


@dataclass(frozen=True)
class Proportional(Rule):
    """Average pooling: every input gets its share of the average, R_i = a_i Σ_j p_ij R_j / (Σ_i p_ij a_i + ε)."""

    eps: float = 1e-6

    def __call__(self, layer: Layer, prepared: Any, a: Tensor, relevance: Tensor) -> Tensor:
        average = layer.module.forward
        c = relevance.div_(average(a) + self.eps)
        return transpose(average, c, a.shape).mul_(a)


@dataclass(frozen=True)
class MaxAsAverage(Rule):
    """Max pooling treated as the average over windows as wide as its stride, R_i = a_i R_j / (avg_j(a) + ε) / |window|.

    For a ≥ 0, behind a ReLU. So do the published codes of Otsuki et al. 2024 (for MaxPool2d(3, 2, 1) too: AvgPool2d(2))
    and Fischer 2021. Window j covers the rows s·j … s·j+s−1; those beyond the image do not count, rows in no window
    get nothing. Where the pooling has more windows than that gives, its own windows are averaged.
    """

    eps: float = 1e-6

    def __call__(self, layer: Layer, prepared: Any, a: Tensor, relevance: Tensor) -> Tensor:
        average = _window_average(layer.module, a.shape[2:], relevance.shape[2:])
        c = per_unit(relevance, average(a), self.eps)
        return transpose(average, c, a.shape).mul_(a)


def _window_average(pool: Any, size: torch.Size, windows: torch.Size) -> Callable[[Tensor], Tensor]:
    stride = _pair(pool.stride)
    reached = [min(n, s * w) for n, s, w in zip(size, stride, windows, strict=True)]
    if all(-(-n // s) == w for n, s, w in zip(reached, stride, windows, strict=True)):
        return lambda a: F.avg_pool2d(a[..., : reached[0], : reached[1]], stride, ceil_mode=True)
    window = (pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode)
    return lambda a: F.avg_pool2d(a, *window, count_include_pad=False)


@dataclass(frozen=True)
class WinnerTakesAll(Rule):
    """Max pooling: the largest input of a window gets all of its relevance (the first one, among equals)."""

    def __call__(self, layer: Layer, prepared: Any, a: Tensor, relevance: Tensor) -> Tensor:
        pool = layer.module
        window = (pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
        _, winner = F.max_pool2d_with_indices(a, *window)
        back: Tensor = torch.ops.aten.max_pool2d_with_indices_backward(relevance, a, *window, winner)
        return back


@dataclass(frozen=True)
class Pass(Rule):
    """Relevance goes through unchanged, R_i = R_i: ReLU, dropout, and batch norm where it is not folded."""

    needs_input = False

    def __call__(self, layer: Layer, prepared: Any, a: Tensor, relevance: Tensor) -> Tensor:
        return relevance
