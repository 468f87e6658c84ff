"""The linear maps that rules are made of, with any weights: convolutions, dense layers, pooling, scaling."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd


class LinearMap(ABC):
    """The map a ↦ W a of a layer, for any weights W of the shape of the layer's own."""

    @abstractmethod
    def __call__(self, a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """W a (+ b)."""

    @abstractmethod
    def transpose(self, c: Tensor, weight: Tensor, like: Tensor) -> Tensor:
        """Wᵀ c, of the shape of `like`, a tensor as the layer takes it; its values do not matter."""

    def outputs(self, weight: Tensor) -> tuple[int, ...]:
        """The shape of a bias: one number per output channel."""
        return (len(weight),)

    def is_narrow(self, weight: Tensor) -> bool:
        """Whether several inputs side by side, as channels, cost less than one after the other."""
        return False

    def broadcast(self, bias: Tensor, z: Tensor) -> Tensor:
        """`bias` in a shape that can be added to the output `z`."""
        return bias.reshape(-1, *[1] * (z.dim() - 2))


@dataclass(frozen=True)
class ConvMap(LinearMap):
    """Convolutions in one, two and three dimensions, transposed ones, with any stride, padding, dilation, groups."""

    module: _ConvNd

    def __call__(self, a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """W a (+ b)."""
        pad, geometry = _geometry(self.module)
        return torch.convolution(pad(a) if pad else a, weight, bias, *geometry)

    def transpose(self, c: Tensor, weight: Tensor, like: Tensor) -> Tensor:
        """Wᵀ c."""
        pad, geometry = _geometry(self.module)
        shape = pad(torch.empty(like.shape, device="meta")).shape if pad else like.shape
        order = torch.channels_last if len(shape) == 4 else torch.contiguous_format
        if pad or like.dtype != c.dtype or not like.is_contiguous(memory_format=order):
            like_padded = torch.empty(shape, dtype=c.dtype, device=c.device, memory_format=order)
        else:
            like_padded = like
        backward = torch.ops.aten.convolution_backward
        gradient: Tensor = backward(c, like_padded, weight, None, *geometry, [True, False, False])[0]
        return transpose(pad, gradient, like.shape) if pad else gradient

    def is_narrow(self, weight: Tensor) -> bool:
        """Up to four channels, as images have."""
        return self.module.groups == 1 and not self.module.transposed and self.module.in_channels <= 4

    def outputs(self, weight: Tensor) -> tuple[int, ...]:
        """Output channels; the first dimension of a transposed convolution's weights are the inputs."""
        return (self.module.out_channels,)

    def weight_gradient(self, a: Tensor, c: Tensor, weight: Tensor) -> Tensor:
        """Σ of the products of inputs a and outputs' c that each weight joins, of the shape of `weight`."""
        pad, geometry = _geometry(self.module)
        backward = torch.ops.aten.convolution_backward
        gradient: Tensor = backward(c, pad(a) if pad else a, weight, None, *geometry, [False, True, False])[1]
        return gradient


@dataclass(frozen=True)
class DenseMap(LinearMap):
    """nn.Linear; the features are the last dimension."""

    def __call__(self, a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """W a (+ b)."""
        return F.linear(a, weight, bias)

    def transpose(self, c: Tensor, weight: Tensor, like: Tensor) -> Tensor:
        """Wᵀ c."""
        return c @ weight

    def broadcast(self, bias: Tensor, z: Tensor) -> Tensor:
        """The features are the last dimension, so `bias` fits as it is."""
        return bias

    def weight_gradient(self, a: Tensor, c: Tensor, weight: Tensor) -> Tensor:
        """cᵀ a."""
        return c.flatten(0, -2).t() @ a.flatten(0, -2)


@dataclass(frozen=True)
class PoolMap(LinearMap):
    """Average pooling and the like: fixed weights ≥ 0, times the one number that rules may change."""

    module: nn.Module

    def __call__(self, a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """w · pool(a) (+ b)."""
        pooled: Tensor = self.module.forward(a) * weight  # the caller's hooks must not fire
        return pooled if bias is None else pooled.add_(bias)

    def transpose(self, c: Tensor, weight: Tensor, like: Tensor) -> Tensor:
        """w · poolᵀ(c)."""
        return transpose(self.module.forward, c * weight, like.shape)

    def outputs(self, weight: Tensor) -> tuple[int, ...]:
        """One number for all channels."""
        return ()


@dataclass(frozen=True)
class ScaleMap(LinearMap):
    """Batch norm in evaluation mode: every channel times its own number."""

    def __call__(self, a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """W a (+ b)."""
        z = a * self.broadcast(weight, a)
        return z if bias is None else z.add_(self.broadcast(bias, z))

    def transpose(self, c: Tensor, weight: Tensor, like: Tensor) -> Tensor:
        """Wᵀ c."""
        return c * self.broadcast(weight, c)


def linear_map(module: Any) -> LinearMap | None:
    """The map of a module that is linear but for its bias; None for the others."""
    if isinstance(module, _ConvNd):
        return ConvMap(module)
    if isinstance(module, nn.Linear):
        return DenseMap()
    return ScaleMap() if isinstance(module, nn.modules.batchnorm._BatchNorm) else None


Geometry = tuple[Sequence[int], Sequence[int], Sequence[int], bool, Sequence[int], int]


def _geometry(conv: _ConvNd) -> tuple[Callable[[Tensor], Tensor] | None, Geometry]:
    """What to pad with beforehand, if zeros on all sides alike will not do, and the arguments of torch.convolution."""
    zeros = [0] * len(conv.kernel_size)
    around = list(conv._reversed_padding_repeated_twice)
    uneven = isinstance(conv.padding, str) and around[::2] != around[1::2]
    if conv.padding_mode != "zeros" or uneven:
        mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
        return lambda a: F.pad(a, around, mode), (conv.stride, zeros, *_rest(conv))
    padding = around[::-2] if isinstance(conv.padding, str) else list(conv.padding)
    return None, (conv.stride, padding, *_rest(conv))


def _rest(conv: _ConvNd) -> tuple[Sequence[int], bool, Sequence[int], int]:
    return conv.dilation, conv.transposed, conv.output_padding, conv.groups


def transpose(linear: Callable[[Tensor], Tensor], c: Tensor, shape: Sequence[int]) -> Tensor:
    """Aᵀ c for a map that is `linear` in its input of this `shape`: average pooling, slicing, padding, reshaping."""
    return vjp(linear, torch.zeros(tuple(shape), dtype=c.dtype, device=c.device), c)


def vjp(function: Callable[[Tensor], Tensor], a: Tensor, c: Tensor) -> Tensor:
    """Jᵀ c with the Jacobian J of `function` at `a`."""
    with torch.inference_mode(False), torch.enable_grad():
        at = (a.clone() if a.is_inference() else a.detach()).requires_grad_()
        (result,) = torch.autograd.grad(function(at), at, c.clone() if c.is_inference() else c)
    return result.contiguous() if 0 in result.stride() else result  # whoever gets it may write to it


def fold_batchnorm(layer: nn.Module, weight: Tensor, bias: Tensor | None, norm: Any) -> tuple[Tensor, Tensor]:
    """Weights and bias of a layer and the batch norm after it as one layer: γ/σ·W and γ/σ·(b − μ) + β."""
    scale, shift = batchnorm_affine(norm)
    if isinstance(layer, _ConvNd) and layer.transposed:  # weights are (in, out / groups, …)
        per_group = scale.reshape(layer.groups, 1, -1, *[1] * (weight.dim() - 2))
        folded = (weight.reshape(layer.groups, -1, *weight.shape[1:]) * per_group).flatten(0, 1)
    else:
        folded = weight * scale.reshape(-1, *[1] * (weight.dim() - 1))
    return folded, shift if bias is None else bias * scale + shift


def batchnorm_affine(norm: Any) -> tuple[Tensor, Tensor]:
    """Batch norm in evaluation mode as a ↦ scale·a + shift, both of shape (channels,), in float32 or float64."""
    mean, variance = (wide(value) for value in (norm.running_mean, norm.running_var))
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        scale = scale * wide(norm.weight.detach())
        return scale, wide(norm.bias.detach()) - mean * scale
    return scale, -mean * scale


def wide(value: Tensor) -> Tensor:
    """At least float32."""
    return value if value.dtype == torch.float64 else value.float()
