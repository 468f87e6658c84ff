"""Gates: how the relevance of a product y = s ⊙ g is divided between the signal s and its gate g.

One small class per way. What each side gets has the shape of y; the engine adds up where a side was broadcast.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor


class Gate(ABC):
    """Base of all ways. `opens` says that gates get relevance, `needs_values` that `shares` looks at s and g."""

    opens = True
    needs_values = False

    @abstractmethod
    def shares(self, relevance: Tensor, signal: Tensor | None, gate: Tensor | None) -> tuple[Tensor, Tensor]:
        """What signal and gate get of R, two tensors; `relevance` may be one of them, written to."""


@dataclass(frozen=True)
class ToSignal(Gate):
    """The signal gets everything: a gate says how much of it goes on, not what (Arras et al. 2017).

    "Explaining Recurrent Neural Network Predictions in Sentiment Analysis", WASSA; called LRP-all by Arras et al. 2019.
    """

    opens = False

    def shares(self, relevance: Tensor, signal: Tensor | None, gate: Tensor | None) -> tuple[Tensor, Tensor]:
        """R and 0."""
        return relevance, relevance.new_zeros(relevance.shape)


@dataclass(frozen=True)
class Half(Gate):
    """Signal and gate get half each, LRP-half of Arras et al. 2019, "Explaining and Interpreting LSTMs".

    These are the Shapley values of s ⊙ g with 0 for what is absent: neither factor does anything without the other.
    """

    def shares(self, relevance: Tensor, signal: Tensor | None, gate: Tensor | None) -> tuple[Tensor, Tensor]:
        """½ R and ½ R."""
        to_gate = relevance * 0.5
        return relevance.sub_(to_gate), to_gate


@dataclass(frozen=True)
class Derivative(Gate):
    """The product rule of derivatives, for `gradient` and its kin; relevance is not conserved."""

    needs_values = True

    def shares(self, relevance: Tensor, signal: Tensor | None, gate: Tensor | None) -> tuple[Tensor, Tensor]:
        """g ⊙ R and s ⊙ R."""
        assert signal is not None and gate is not None
        return relevance * gate, relevance * signal


GATES: Mapping[str, Gate] = MappingProxyType({"signal": ToSignal(), "half": Half(), "derivative": Derivative()})
