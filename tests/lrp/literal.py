"""The rules once more, in float64 and literally: layers as matrices, every share of every input written out.

A weight's positive part is put into a copy of the layer before that becomes a matrix, since a pixel may reach a neuron
through several weights where padding repeats it. The weights p of a pooling are fixed; its one own weight is 1.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from relprop.lrp import rules

Change = Callable[[Tensor], Tensor]


def itself(w: Tensor) -> Tensor:
    return w


def above(w: Tensor) -> Tensor:
    return w.clamp(min=0)


def below(w: Tensor) -> Tensor:
    return w.clamp(max=0)


def matrix(layer: nn.Module, shape: torch.Size, change: Change = itself) -> Tensor:
    """W (outputs, inputs) of a linear layer without its bias, made from its weights after `change`."""
    layer, factor = copy.deepcopy(layer), torch.ones((), dtype=torch.float64)
    if hasattr(layer, "weight"):
        layer.weight, layer.bias = nn.Parameter(change(layer.weight.detach())), None
    else:
        factor = change(factor)
    with torch.no_grad():
        columns = layer(torch.eye(shape.numel(), dtype=torch.float64).view(-1, *shape))
    return factor * columns.flatten(1).T


@dataclass
class Case:
    """A layer, inputs for it, and the lowest and the highest value of every input."""

    layer: nn.Module
    images: Tensor
    lowest: Tensor
    highest: Tensor
    matrices: dict[Change, Tensor] = field(default_factory=dict)

    def w(self, change: Change = itself) -> Tensor:
        """(outputs, inputs)."""
        if change not in self.matrices:
            self.matrices[change] = matrix(self.layer, self.images.shape[1:], change)
        return self.matrices[change]

    @cached_property
    def a(self) -> Tensor:
        """(images, 1, inputs)."""
        return self.images.flatten(1).unsqueeze(1)

    @cached_property
    def b(self) -> Tensor:
        """(outputs,)."""
        with torch.no_grad():
            return self.layer(torch.zeros_like(self.images[:1])).flatten()

    @cached_property
    def z(self) -> Tensor:
        """z_ij (images, outputs, inputs)."""
        return self.a * self.w()

    @cached_property
    def excites(self) -> Tensor:
        """z_ij⁺."""
        return above(self.a) * self.w(above) + below(self.a) * self.w(below)

    @cached_property
    def inhibits(self) -> Tensor:
        """z_ij⁻."""
        return above(self.a) * self.w(below) + below(self.a) * self.w(above)


def stabilized(z: Tensor, eps: float) -> Tensor:
    """z + ε·sign z, with + for 0, as a column."""
    return torch.where(z >= 0, z + eps, z - eps).unsqueeze(-1)


def total(z: Tensor) -> Tensor:
    return z.sum(-1)


def epsilon(rule: Any, case: Case, b: Tensor) -> Tensor:
    z = total(case.z) + b
    return case.z / (stabilized(z, rule.eps) if rule.signed else stabilized(z + rule.eps, 1e-6))


def norm(rule: Any, case: Case, b: Tensor) -> Tensor:
    return case.z / stabilized(total(case.z), rule.eps)


def gamma(rule: Any, case: Case, b: Tensor) -> Tensor:
    up, down = case.z + rule.gamma * case.excites, case.z + rule.gamma * case.inhibits
    up = up / stabilized(total(up) + b + rule.gamma * above(b), rule.eps)
    down = down / stabilized(total(down) + b + rule.gamma * below(b), rule.eps)
    return torch.where((total(case.z) + case.b >= 0).unsqueeze(-1), up, down)


def alpha_beta(rule: Any, case: Case, b: Tensor) -> Tensor:
    excited = case.excites / (total(case.excites) + above(b) + rule.eps).unsqueeze(-1)
    inhibited = case.inhibits / (total(case.inhibits) + below(b) - rule.eps).unsqueeze(-1)
    return rule.alpha * excited - rule.beta * inhibited


def zplus(rule: Any, case: Case, b: Tensor) -> Tensor:
    return case.excites / (total(case.excites) + above(b) + rule.eps).unsqueeze(-1)


def zbox(rule: Any, case: Case, b: Tensor) -> Tensor:
    z = case.z - case.lowest * case.w(above) - case.highest * case.w(below)
    return z / stabilized(total(z), rule.eps)


def by_weights(change: Change) -> Callable[[Any, Case, Tensor], Tensor]:
    """Shares in proportion to something of the weights alone."""

    def formula(rule: Any, case: Case, b: Tensor) -> Tensor:
        w = case.w(change)
        return w / (total(w) + rule.eps).unsqueeze(-1)

    return formula


# The share of R_j that input i gets, (images, outputs, inputs), for the bias `b` that the rule counts.
FORMULAS: dict[type, Callable[[Any, Case, Tensor], Tensor]] = {
    rules.Epsilon: epsilon,
    rules.Zero: epsilon,
    rules.Norm: norm,
    rules.Gamma: gamma,
    rules.AlphaBeta: alpha_beta,
    rules.ZPlus: zplus,
    rules.ZPlusOnes: by_weights(above),
    rules.WSquare: by_weights(torch.square),
    rules.Flat: by_weights(torch.ones_like),
    rules.ZBox: zbox,
}


def propagated(rule: Any, case: Case, relevance: Tensor) -> Tensor:
    """R_i (images, inputs) for R_j; "distribute": what no input got goes to all that are joined with j, equally."""
    bias = getattr(rule, "bias", "absorb")
    shares = FORMULAS[type(rule)](rule, case, torch.zeros_like(case.b) if bias == "ignore" else case.b)
    messages = shares * relevance.flatten(1).unsqueeze(-1)
    if bias == "distribute":
        joined = case.w(torch.ones_like)
        equally = joined / total(joined).clamp(min=torch.finfo(joined.dtype).tiny).unsqueeze(-1)
        messages = messages + equally * (relevance.flatten(1) - total(messages)).unsqueeze(-1)
    return messages.sum(1)
