"""What every propagation rule is. `bias` says what becomes of a layer's bias, which is no input and has no relevance.

- "absorb": it counts as one more input, whose relevance is lost;
- "ignore": it is left out of the denominator;
- "distribute": its relevance and the stabilizer's go to all inputs in equal shares (Bach et al. 2015, after eq. 58).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.graph import WEIGHTED, Kind
from relprop.lrp.parts import Part, Term, propagate, simplify
from relprop.lrp.visit import Layer, Visit

BIASES: Mapping[str, None] = MappingProxyType(dict.fromkeys(("absorb", "ignore", "distribute")))


class Rule(ABC):
    """Base of all rules. A rule has no state: what it needs of a layer's weights, `prepare` computes once.

    `kinds` are the steps that it can serve; `needs_input` and `needs_output` say what it wants to see of the forward
    pass; `tunable` are the fields that `Composite.tuned` sets: γ of LRP-γ and ε of LRP-ε.
    """

    tunable: ClassVar[frozenset[str]] = frozenset()
    kinds = frozenset(Kind)
    needs_input = True
    needs_output = False

    def __post_init__(self) -> None:
        """Refuse what would divide by zero."""
        if not getattr(self, "eps", 1) > 0:
            raise UserError(f"eps={getattr(self, 'eps', None)} must be above 0, or 0/0 would be NaN")

    def prepare(self, layer: Layer) -> Any:
        """Whatever of the weights stays the same from call to call. Raises `UserError` for what the rule lacks."""
        return None

    @abstractmethod
    def __call__(self, visit: Visit) -> Tensor:
        """Relevance of the inputs, of the shape of `visit.like`."""


class ProportionalRule(Rule):
    """Base of the rules that are sums of `Part`s, for layers that are linear but for their bias."""

    kinds = WEIGHTED | {Kind.AVGPOOL}

    @abstractmethod
    def parts(self, layer: Layer) -> tuple[Part, ...]:
        """The formula."""

    def prepare(self, layer: Layer) -> tuple[Part, ...]:
        """The parts with the weights that they need."""
        return tuple(simplify(part, layer) for part in self.parts(layer))

    def __call__(self, visit: Visit) -> Tensor:
        """The sum over all parts."""
        return propagate(visit.prepared, visit)


@dataclass(frozen=True)
class BiasedRule(ProportionalRule):
    """Base of the rules that can count the bias as one more input."""

    bias: str = "absorb"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bias not in BIASES:
            raise UserError(f"bias={self.bias} is unknown; choose one of: {', '.join(BIASES)}")

    def prepare(self, layer: Layer) -> tuple[Part, ...]:
        """The parts with the weights and the bias that they need."""
        return tuple(simplify(part, layer) for part in self.parts(layer) if part.factor != 0)

    def part(self, *terms: Term, bias: Tensor | None, **options: Any) -> Part:
        """A part that treats `bias` as `self.bias` says."""
        kept = None if self.bias == "ignore" else bias
        return Part(terms, bias=kept, distributes=self.bias == "distribute", **options)
