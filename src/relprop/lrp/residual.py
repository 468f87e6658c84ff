"""Additions of a network: which side is the main branch, which the shortcut."""

from dataclasses import dataclass
from typing import Literal

from relprop.lrp.graph import Graph, Kind, Step


@dataclass(frozen=True)
class Addition:
    """A residual addition F + S: indices of the steps that give F (main branch) and S (shortcut).

    A shortcut without weighted layers since the fork is an `identity` (slicing and padding included, as in option A of
    He et al. 2015 §3.3), else it is a `projection`. `nonnegative` says that S never is below zero.
    """

    main: int
    shortcut: int
    kind: Literal["identity", "projection"]
    nonnegative: bool = False


def find_additions(graph: Graph) -> dict[int, Addition]:
    """All additions of `graph` by the index of their step."""
    return {step.index: _classify(graph, step) for step in graph.steps if step.kind is Kind.ADD}


def _classify(graph: Graph, step: Step) -> Addition:
    left, right = step.inputs
    fork = max(graph.ancestors(left) & graph.ancestors(right))
    layers = {side: graph.layers_before(side, fork) for side in (left, right)}
    # fewest layers since the fork; among equals the fork itself, then the right operand, as in out += identity
    shortcut, main = sorted((right, left), key=lambda side: (layers[side], side != fork))
    return Addition(
        main, shortcut, "identity" if layers[shortcut] == 0 else "projection", graph.steps[shortcut].nonnegative
    )
