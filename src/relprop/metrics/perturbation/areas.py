"""From a curve to one number."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor


def over_fractions(curves: Tensor, fractions: Tensor) -> Tensor:
    """Mean height under the curves (N, P) by the trapezoid rule over the true fractions (P,)."""
    width = fractions[-1] - fractions[0]
    return torch.trapezoid(curves, fractions, dim=1) / width


def over_points(curves: Tensor, fractions: Tensor) -> Tensor:
    """The same with the points taken as evenly spaced: (Σ − first/2 − last/2) / (P − 1)."""
    return (curves.sum(1) - curves[:, 0] / 2 - curves[:, -1] / 2) / (curves.shape[1] - 1)


def aopc(curves: Tensor, fractions: Tensor) -> Tensor:
    """Area over the perturbation curve, 1/P Σ_k f(x⁰) − f(xᵏ) (Samek et al. 2017, eq. 12)."""
    return (curves[:, :1] - curves).mean(1)


AREAS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"fractions": over_fractions, "points": over_points, "aopc": aopc}
)
