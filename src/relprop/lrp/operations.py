"""Which modules and functions the engine knows, and what each is to it. A new operation is one line here."""

import operator
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop.lrp.graph import Kind


class Mean(nn.Module):
    """`x.mean(dim, keepdim)` as a module, so that it is average pooling."""

    def __init__(self, dim: Sequence[int], keepdim: bool) -> None:
        super().__init__()
        self.dim, self.keepdim = tuple(dim), keepdim

    def forward(self, x: Tensor) -> Tensor:
        """The mean over `dim`. Raises ValueError if that mixes the images of a batch."""
        if -x.dim() in self.dim:
            raise ValueError(f"{type(self).__name__.lower()} over the batch, dim={self.dim}, has no rule")
        return self.reduce(x)

    def reduce(self, x: Tensor) -> Tensor:
        """The mean."""
        return x.mean(self.dim, self.keepdim)


class Sum(Mean):
    """`x.sum(dim, keepdim)` as a module; like an average, a linear map with fixed weights ≥ 0."""

    def reduce(self, x: Tensor) -> Tensor:
        """The sum."""
        return x.sum(self.dim, self.keepdim)


def _by_dimension(kind: Kind, *names: str) -> dict[type[nn.Module], Kind]:
    return {getattr(nn, f"{name}{d}d"): kind for name in names for d in (1, 2, 3)}


# Values of either sign, and those that are never below zero.
SIGNED = (nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Tanh, nn.Hardtanh)
NONNEGATIVE = (nn.ReLU6, nn.Sigmoid, nn.Hardsigmoid, nn.Softplus, nn.Softmax)
# What gives a gate: the other side of a product with it is the signal.
GATES = (nn.Sigmoid, nn.Hardsigmoid, nn.Softmax, nn.Tanh, nn.ReLU6)

MODULES: Mapping[type[nn.Module], Kind] = MappingProxyType(
    {
        **_by_dimension(Kind.CONV, "Conv", "ConvTranspose"),
        nn.Linear: Kind.LINEAR,
        **_by_dimension(Kind.BATCHNORM, "BatchNorm"),
        nn.ReLU: Kind.RELU,
        **dict.fromkeys(SIGNED + NONNEGATIVE, Kind.ACTIVATION),
        nn.Dropout: Kind.IDENTITY,
        **_by_dimension(Kind.IDENTITY, "Dropout"),
        nn.AlphaDropout: Kind.IDENTITY,
        nn.Identity: Kind.IDENTITY,
        **_by_dimension(Kind.MAXPOOL, "MaxPool", "AdaptiveMaxPool"),
        **_by_dimension(Kind.AVGPOOL, "AvgPool", "AdaptiveAvgPool"),
        nn.Upsample: Kind.AVGPOOL,
        Mean: Kind.AVGPOOL,
        Sum: Kind.AVGPOOL,
        **_by_dimension(Kind.ROUTE, "ZeroPad"),
        nn.Flatten: Kind.ROUTE,
        nn.Unflatten: Kind.ROUTE,
        nn.PixelShuffle: Kind.ROUTE,
        nn.PixelUnshuffle: Kind.ROUTE,
        nn.ChannelShuffle: Kind.ROUTE,
    }
)

# A function that means the same as a module becomes that module, so that rules have one form to know.
AS_MODULE: Mapping[Any, type[nn.Module]] = MappingProxyType(
    {
        **dict.fromkeys((F.relu, torch.relu, "relu", F.relu_, torch.relu_, "relu_"), nn.ReLU),
        **dict.fromkeys((torch.sigmoid, F.sigmoid, "sigmoid"), nn.Sigmoid),
        **dict.fromkeys((torch.tanh, F.tanh, "tanh"), nn.Tanh),
        **dict.fromkeys((F.softmax, torch.softmax, "softmax"), nn.Softmax),
        F.leaky_relu: nn.LeakyReLU,
        F.relu6: nn.ReLU6,
        F.elu: nn.ELU,
        F.gelu: nn.GELU,
        F.silu: nn.SiLU,
        F.mish: nn.Mish,
        F.hardswish: nn.Hardswish,
        F.hardsigmoid: nn.Hardsigmoid,
        F.softplus: nn.Softplus,
        F.dropout: nn.Dropout,
        F.dropout2d: nn.Dropout2d,
        **{getattr(F, f"max_pool{d}d"): getattr(nn, f"MaxPool{d}d") for d in (1, 2, 3)},
        **{getattr(F, f"avg_pool{d}d"): getattr(nn, f"AvgPool{d}d") for d in (1, 2, 3)},
        **{getattr(F, f"adaptive_avg_pool{d}d"): getattr(nn, f"AdaptiveAvgPool{d}d") for d in (1, 2, 3)},
        **{getattr(F, f"adaptive_max_pool{d}d"): getattr(nn, f"AdaptiveMaxPool{d}d") for d in (1, 2, 3)},
        F.interpolate: nn.Upsample,
    }
)
REDUCTIONS: Mapping[Any, type[Mean]] = MappingProxyType({torch.mean: Mean, "mean": Mean, torch.sum: Sum, "sum": Sum})

ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
SUBTRACTIONS = (operator.sub, operator.isub, torch.sub, "sub", "sub_")
PRODUCTS = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
DIVISIONS = (operator.truediv, operator.itruediv, torch.div, "div", "div_")
NEGATIONS = (operator.neg, torch.neg, "neg")
ARITHMETIC = (*ADDITIONS, *SUBTRACTIONS, *PRODUCTS, *DIVISIONS, *NEGATIONS)
CONCATENATIONS = (torch.cat, torch.concat, torch.concatenate)
METHOD_ROUTES = ("flatten", "view", "reshape", "squeeze", "unsqueeze", "permute", "transpose", "expand")
ROUTES = (
    *(getattr(torch, name) for name in METHOD_ROUTES if hasattr(torch, name)),
    *METHOD_ROUTES,
    operator.getitem,
    F.pad,
)
IDENTITIES = ("contiguous",)
# Functions of libraries that change nothing in evaluation mode, by their full name.
IDENTITIES_BY_NAME = ("torchvision.ops.stochastic_depth.stochastic_depth",)
SIZES = (getattr, "size", "dim")
# Routes whose result may share memory with their input.
VIEWS = ("flatten", "reshape", "view", "getitem", "squeeze", "unsqueeze", "permute", "transpose", "expand")
IN_PLACE: Mapping[Any, Any] = MappingProxyType(
    {
        operator.iadd: operator.add,
        "add_": torch.add,
        operator.isub: operator.sub,
        "sub_": torch.sub,
        operator.imul: operator.mul,
        "mul_": torch.mul,
        operator.itruediv: operator.truediv,
        "div_": torch.div,
        **dict.fromkeys((F.relu_, torch.relu_, "relu_"), torch.relu),
    }
)


def names_of_functions() -> str:
    """All functions with a rule, for error messages."""
    known = (*AS_MODULE, *REDUCTIONS, *ARITHMETIC, *CONCATENATIONS, *ROUTES, *IDENTITIES)
    return ", ".join(sorted({getattr(function, "__name__", str(function)) for function in known}))
