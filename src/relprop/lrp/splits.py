"""Splits: how the relevance of an addition F + S is divided between main branch F and shortcut S.

One small class per split. Each gives the main branch's share of R; the shortcut gets the rest, so that nothing is lost.
The first four are those of Otsuki et al. 2024, "Layer-Wise Relevance Propagation with Conservation Property for ResNet"
(ECCV), §3.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.residual import Addition


class Split(ABC):
    """Base of all splits. `copies` says that both sides get all of R, as gradients do."""

    copies = False

    def needs_values(self, addition: Addition) -> bool:
        """Whether `share` looks at F and S for this addition; the engine keeps them if so."""
        return False

    @abstractmethod
    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """The main branch's share: a number, the same for all images, or a new tensor of the shape of F + S."""


@dataclass(frozen=True)
class Latest(Split):
    """Identity shortcuts get nothing; at projection shortcuts the main branch gets |F| / (|F| + |S|)."""

    def needs_values(self, addition: Addition) -> bool:
        """At projections."""
        return addition.kind == "projection"

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """1 or |F| / (|F| + |S|)."""
        return 1.0 if main is None or shortcut is None else magnitude_share(addition, main, shortcut)


@dataclass(frozen=True)
class Simple(Split):
    """Identity shortcuts get nothing; projection shortcuts get half."""

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """1 or ½."""
        return 1.0 if addition.kind == "identity" else 0.5


class ByValues(Split):
    """Base of the splits that look at F and S at every addition."""

    def needs_values(self, addition: Addition) -> bool:
        """Always."""
        return True

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """By `divide`."""
        assert main is not None and shortcut is not None
        return self.divide(addition, main, shortcut)

    @abstractmethod
    def divide(self, addition: Addition, main: Tensor, shortcut: Tensor) -> Tensor:
        """The main branch's share, a new tensor."""


@dataclass(frozen=True)
class FlowsSkip(ByValues):
    """The main branch gets |F| / (|F| + |S|) at every addition (the paper's proposal, "Relevance Splitting")."""

    def divide(self, addition: Addition, main: Tensor, shortcut: Tensor) -> Tensor:
        """|F| / (|F| + |S|)."""
        return magnitude_share(addition, main, shortcut)


@dataclass(frozen=True)
class FlowsSkipSimple(Split):
    """Each side gets half, at every addition."""

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """½."""
        return 0.5


@dataclass(frozen=True)
class Signed(ByValues):
    """The main branch gets F / (F + S), its share of the signed sum, as LRP-ε gives on an addition.

    (F + ε_F) / (F + S + ε), where ε has the sign of the sum and ε_F is its part in proportion to |F| : |S|. So nothing
    is lost, a side that is zero gets nothing, and 0/0 is ½. Where F and S nearly cancel, both shares are large and of
    opposite sign.
    """

    eps: float = 1e-6

    def divide(self, addition: Addition, main: Tensor, shortcut: Tensor) -> Tensor:
        """(F + ε_F) / (F + S + ε)."""
        z = main + shortcut
        smallest = max(self.eps, torch.finfo(z.dtype).smallest_normal)  # below that, float16 cannot halve
        eps = torch.copysign(z.new_tensor(smallest), z)
        part = magnitude_share(addition, main, shortcut).mul_(eps).add_(main)
        return part.div_(z.add_(eps)).nan_to_num_()  # float16 ends at 65504


@dataclass(frozen=True)
class Gamma(ByValues):
    """The sign-aware, bounded share: what points in the direction of the sum z = F + S counts 1 + γ times.

    F' / (F' + S') with x' = (1 + γ·[sign x = sign z])·x. No share is beyond (1 + γ)/γ, however much F and S cancel;
    0/0 is ½. γ = 0 is `Signed`, γ → ∞ is winner takes all.
    """

    gamma: float = 0.25

    def __post_init__(self) -> None:
        if not self.gamma > 0:
            raise UserError(f"gamma={self.gamma} must be above 0; without γ the split is 'signed'")

    def divide(self, addition: Addition, main: Tensor, shortcut: Tensor) -> Tensor:
        """F' / (F' + S')."""
        up = main + shortcut >= 0
        f, s = (torch.where((x >= 0) == up, (1 + self.gamma) * x, x) for x in (main, shortcut))
        return quotient(f, s.add_(f))


@dataclass(frozen=True)
class ResidualOnly(Split):
    """The main branch gets everything, at every addition."""

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """1."""
        return 1.0


@dataclass(frozen=True)
class IdentityOnly(Split):
    """The shortcut gets everything, at every addition."""

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class Copy(Split):
    """Both sides get all of R, as a gradient does; relevance is not conserved."""

    copies = True

    def share(self, addition: Addition, main: Tensor | None, shortcut: Tensor | None) -> Tensor | float:
        """1; the engine gives the same to the shortcut."""
        return 1.0


def magnitude_share(addition: Addition, main: Tensor, shortcut: Tensor) -> Tensor:
    """|F| / (|F| + |S|); half where both are zero."""
    f = main.abs()
    return quotient(f, f + (shortcut if addition.nonnegative else shortcut.abs()))


def quotient(part: Tensor, total: Tensor) -> Tensor:
    """part / total, written into the memory of `total`, with 0/0 = ½."""
    return torch.div(part, total, out=total).nan_to_num_(nan=0.5)


SPLITS: Mapping[str, Split] = MappingProxyType(
    {
        "latest": Latest(),
        "simple": Simple(),
        "flows_skip": FlowsSkip(),
        "flows_skip_simple": FlowsSkipSimple(),
        "signed": Signed(),
        "gamma": Gamma(),
        "residual_only": ResidualOnly(),
        "identity_only": IdentityOnly(),
        "copy": Copy(),
    }
)
