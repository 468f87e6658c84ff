"""Splits: how the relevance of a residual addition F + S is divided between main branch F and shortcut S.

One small class per split, after Otsuki et al. 2024, "Layer-Wise Relevance Propagation with Conservation Property for
ResNet" (ECCV), §3. Each gives the main branch's share of R, in [0, 1]; the shortcut gets the rest.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from relprop.lrp.residual import Addition


class Split(ABC):
    """Base of all splits."""

    def needs_values(self, addition: Addition) -> bool:
        """Whether `share` looks at F and S for this addition; the engine keeps them if so."""
        return False

    @abstractmethod
    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """The main branch's share: a number, or a new tensor of the shape of F."""


class Latest(Split):
    """Identity shortcuts get nothing; at projection shortcuts the main branch gets |F| / (|F| + |S|)."""

    def needs_values(self, addition: Addition) -> bool:
        return addition.kind == "projection"

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        return 1.0 if main is None or shortcut is None else magnitude_share(main, shortcut)


class Simple(Split):
    """Identity shortcuts get nothing; projection shortcuts get half."""

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        return 1.0 if addition.kind == "identity" else 0.5


class FlowsSkip(Split):
    """The main branch gets |F| / (|F| + |S|) at every addition (the paper's proposal, "Relevance Splitting")."""

    def needs_values(self, addition: Addition) -> bool:
        return True

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        assert main is not None and shortcut is not None
        return magnitude_share(main, shortcut)


class FlowsSkipSimple(Split):
    """Each side gets half, at every addition."""

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        return 0.5


def magnitude_share(main: Tensor, shortcut: Tensor) -> Tensor:
    """|F| / (|F| + |S|); half where both are zero."""
    tiny = torch.finfo(main.dtype).tiny  # turns 0/0 into 1/2 and changes no other quotient
    f = main.abs().add_(tiny)
    return f.div_(shortcut.abs().add_(tiny).add_(f))


SPLITS: Mapping[str, Split] = MappingProxyType(
    {
        "latest": Latest(),
        "simple": Simple(),
        "flows_skip": FlowsSkip(),
        "flows_skip_simple": FlowsSkipSimple(),
    }
)
