"""The linear maps that rules are made of: convolutions and dense layers with any weights, pooling, and transposes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd


@dataclass(frozen=True)
class LinearMap:
    """The map a ↦ W a of a convolution or dense layer, for any weights W of the layer's shape."""

    module: nn.Module

    def __call__(self, a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """W a (+ b)."""
        if isinstance(self.module, _ConvNd):
            return torch.convolution(a, weight, bias, *_geometry(self.module))
        return F.linear(a, weight, bias)

    def transpose(self, c: Tensor, weight: Tensor, shape: Sequence[int]) -> Tensor:
        """Wᵀ c, of the shape of the layer's input."""
        if isinstance(self.module, _ConvNd):
            order = torch.channels_last if len(shape) == 4 else torch.contiguous_format
            like = torch.empty(tuple(shape), dtype=c.dtype, device=c.device, memory_format=order)
            mask = [True, False, False]
            geometry = _geometry(self.module)
            backward = torch.ops.aten.convolution_backward
            gradient: Tensor = backward(c, like, weight, None, *geometry, mask)[0]
            return gradient
        return F.linear(c, weight.t())


def _geometry(conv: _ConvNd) -> tuple[Sequence[int], Sequence[int], Sequence[int], bool, Sequence[int], int]:
    if isinstance(conv.padding, str):
        same = [d * (k - 1) // 2 for d, k in zip(conv.dilation, conv.kernel_size, strict=True)]
        padding = same if conv.padding == "same" else [0] * len(same)
    else:
        padding = list(conv.padding)
    return conv.stride, padding, conv.dilation, conv.transposed, conv.output_padding, conv.groups


def transpose(linear: Callable[[Tensor], Tensor], c: Tensor, shape: Sequence[int]) -> Tensor:
    """Aᵀ c for a map that is `linear` in its input of this `shape`: average pooling, slicing, padding, reshaping."""
    with torch.inference_mode(False), torch.enable_grad():
        a = torch.zeros(tuple(shape), dtype=c.dtype, device=c.device, requires_grad=True)
        (result,) = torch.autograd.grad(linear(a), a, c.clone() if c.is_inference() else c)
    return result


def fold_batchnorm(weight: Tensor, bias: Tensor | None, norm: Any) -> tuple[Tensor, Tensor]:
    """Weights and bias of a layer and the batch norm after it as one layer: γ/σ·W and γ/σ·(b − μ) + β."""
    scale, shift = batchnorm_affine(norm)
    folded = weight * scale.reshape(-1, *[1] * (weight.dim() - 1))
    return folded, shift if bias is None else bias * scale + shift


def batchnorm_affine(norm: Any) -> tuple[Tensor, Tensor]:
    """Batch norm in evaluation mode as a ↦ scale·a + shift, both of shape (channels,), in float32."""
    mean, variance = norm.running_mean.float(), norm.running_var.float()
    scale = (variance + norm.eps).rsqrt()
    if norm.affine:
        return (
            scale * norm.weight.detach().float(),
            norm.bias.detach().float() - mean * scale * norm.weight.float(),
        )
    return scale, -mean * scale
