"""What a rule sees of the network: the layer that it serves, and the relevance that arrives there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from relprop.lrp.graph import Kind
from relprop.lrp.maps import LinearMap


@dataclass(frozen=True)
class Layer:
    """A step as a rule knows it: the same for all images.

    `map`, `weight` and `bias` (out,) describe what is linear in it; pooling has the weight 1. `nonnegative` says that
    the input never is below zero, `lowest` and `highest` (C,) bound the pixels, `pattern` is the fitted one.
    """

    name: str
    kind: Kind
    module: Any
    map: LinearMap | None
    weight: Tensor
    bias: Tensor | None
    nonnegative: bool
    lowest: Tensor | None = None
    highest: Tensor | None = None
    pattern: Tensor | None = None


@dataclass
class Ledger:
    """Relevance that a step took in but did not hand on, by cause. Empty pages cost nothing: nobody asked."""

    entries: dict[str, float] = field(default_factory=dict)

    def add(self, cause: str, amount: Tensor) -> None:
        """Book the sum of `amount`, taken in double precision."""
        self.entries[cause] = self.entries.get(cause, 0.0) + amount.sum(dtype=torch.float64).item()


@dataclass
class Visit:
    """One passage of the walk back over a step.

    `a` is the input of the forward pass and `z` the output, before any batch norm, each only if the rule asked for it.
    `like` has the input's shape, type and device. `relevance` is that of the output; it and `z` may be overwritten,
    `a` may not. `function` is the step itself as a function of its input. `ledger` is there when somebody audits.
    """

    layer: Layer
    prepared: Any
    like: Tensor
    relevance: Tensor
    function: Callable[[Tensor], Tensor]
    a: Tensor | None = None
    z: Tensor | None = None
    ledger: Ledger | None = None
