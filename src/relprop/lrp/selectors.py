"""Selectors: which steps of a network a composite gives a rule to. Each is a function of graph and step."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from relprop.errors import UserError
from relprop.lrp.graph import WEIGHTED, Graph, Kind, Step

Selector = Callable[[Graph, Step], bool]


@dataclass(frozen=True, init=False)
class OfKind:
    """Steps of these kinds: `OfKind("conv", "linear")`."""

    kinds: frozenset[Kind]

    def __init__(self, *kinds: str) -> None:
        try:
            object.__setattr__(self, "kinds", frozenset(map(Kind, kinds)))
        except ValueError as error:
            raise UserError(f"{error}; kinds of steps: {', '.join(Kind)}") from error

    def __call__(self, graph: Graph, step: Step) -> bool:
        """Whether `step` is of one of the kinds."""
        return step.kind in self.kinds


@dataclass(frozen=True, init=False)
class At:
    """Weighted layers at these positions: 0 is next to the image, -1 next to the logits, by the longest way.

    Layers side by side, such as a block's first convolution and its projection shortcut, may share a position. `At(0)`
    is "the first layer", `At(-1)` "the last one", `At(1, 2)` "the next two".
    """

    positions: tuple[int, ...]

    def __init__(self, *positions: int) -> None:
        object.__setattr__(self, "positions", positions)

    def __call__(self, graph: Graph, step: Step) -> bool:
        """Whether `step` is a conv or linear layer at one of the positions, counted from either end."""
        if step.kind not in WEIGHTED:
            return False
        here = {graph.position(step.index), graph.position_from_end(step.index)}
        return not here.isdisjoint(self.positions)


@dataclass(frozen=True, init=False)
class Named:
    """Steps by name: exact, a shell pattern ("layer4.*", "*.conv?"), or a compiled regular expression.

    For a module that is called again, the pattern is matched against the path without ":2", ":3"… as well.
    """

    patterns: tuple[Any, ...]

    def __init__(self, *patterns: str | re.Pattern[str]) -> None:
        object.__setattr__(self, "patterns", patterns)

    def __call__(self, graph: Graph, step: Step) -> bool:
        """Whether one of the patterns fits the whole name."""
        names = {step.name, step.name.partition(":")[0]}
        return any(_fits(pattern, name) for pattern in self.patterns for name in names)


def _fits(pattern: str | re.Pattern[str], name: str) -> bool:
    return fnmatchcase(name, pattern) if isinstance(pattern, str) else pattern.fullmatch(name) is not None
