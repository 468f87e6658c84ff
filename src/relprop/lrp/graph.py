"""A network as a list of steps: the form in which the engine walks it forward and back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from relprop.errors import UserError


class Kind(StrEnum):
    """What a step does, as far as relevance is concerned."""

    INPUT = "input"
    CONV = "conv"  # transposed ones, too
    LINEAR = "linear"
    BATCHNORM = "batchnorm"
    RELU = "relu"
    ACTIVATION = "activation"  # any other function of each value: SiLU, sigmoid, leaky ReLU
    IDENTITY = "identity"  # what evaluation mode leaves unchanged: dropout, nn.Identity
    AFFINE = "affine"  # plus or times constants
    MAXPOOL = "maxpool"
    AVGPOOL = "avgpool"  # every linear map with fixed weights ≥ 0: averages, means, interpolation
    ADD = "add"
    PRODUCT = "product"  # a signal times a gate
    CONCAT = "concat"
    ROUTE = "route"  # moves values about without changing them: flatten, slice, zero padding
    SIZE = "size"  # gives numbers, not tensors: x.shape, x.size(0)
    CONSTANT = "constant"  # a parameter or buffer that the network uses by itself


WEIGHTED = frozenset({Kind.CONV, Kind.LINEAR})
POOLING = frozenset({Kind.MAXPOOL, Kind.AVGPOOL})
ELEMENTWISE = frozenset({Kind.RELU, Kind.ACTIVATION, Kind.IDENTITY, Kind.AFFINE, Kind.BATCHNORM})
KEEPS_SIGN = POOLING | {Kind.IDENTITY, Kind.ADD, Kind.PRODUCT, Kind.CONCAT, Kind.ROUTE}
NO_RELEVANCE = frozenset({Kind.SIZE, Kind.CONSTANT})


class UnsupportedOperationError(UserError):
    """The network does something that the engine has no rule for. Raised when the engine is built."""


@dataclass(frozen=True)
class Step:
    """One operation of a network: it turns the outputs of the steps `inputs` into its own.

    `name` is the module's path, with `:2`, `:3`… when a module is called again; for an operation written as a
    function it is the path of the module that calls it and the operation's name. Steps of a module have `module`,
    the others `function`, which takes the outputs of all steps so far, and the name of its `operation`.
    `nonnegative` says that no output is ever below zero. `batchnorm` is the index of the batch norm that directly
    follows a weighted layer: the two can be computed as one. `signal` is the input of a product that is not the gate,
    `dim` the dimension of a concatenation.
    """

    index: int
    name: str
    kind: Kind
    inputs: tuple[int, ...] = ()
    module: Any = None
    function: Callable[[Sequence[Any]], Any] | None = None
    operation: str = ""
    nonnegative: bool = False
    batchnorm: int | None = None
    signal: int | None = None
    dim: int = 0


@dataclass(frozen=True)
class Graph:
    """The steps of a network in the order they run; `steps[0]` is the image batch, `output` the logits' index."""

    steps: tuple[Step, ...]
    output: int

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each step, the indices of the steps that take its output."""
        consumers: list[list[int]] = [[] for _ in self.steps]
        for step in self.steps:
            for source in step.inputs:
                consumers[source].append(step.index)
        return tuple(map(tuple, consumers))

    def layers_before(self, index: int, fork: int = 0) -> int:
        """Number of weighted layers on the longest way from the output of step `fork` to the output of `index`."""
        depth = {fork: 0}
        for step in self.steps[fork + 1 : index + 1]:
            ways = [depth[source] for source in step.inputs if source in depth]
            if ways:
                depth[step.index] = max(ways) + (step.kind in WEIGHTED)
        return depth[index]

    def position(self, index: int) -> int:
        """How many weighted layers lie between the image and the weighted layer `index`, by the longest way."""
        return self.layers_before(index) - 1

    def position_from_end(self, index: int) -> int:
        """-1 for a weighted layer with no other one between it and the logits, -2 for those before, and so on."""
        height = {self.output: 0}
        for step in reversed(self.steps[index : self.output + 1]):
            ways = [height[i] + (self.steps[i].kind in WEIGHTED) for i in self.consumers[step.index] if i in height]
            if ways:
                height[step.index] = max(ways)
        return -1 - height.get(index, 0)

    def ancestors(self, index: int) -> frozenset[int]:
        """The steps that step `index` depends on, itself included."""
        found, ahead = set(), [index]
        while ahead:
            step = ahead.pop()
            if step not in found:
                found.add(step)
                ahead.extend(self.steps[step].inputs)
        return frozenset(found)


def annotate(graph: Graph) -> Graph:
    """`graph` with what holds for every input: which outputs are non-negative, which batch norms can be folded."""
    steps: list[Step] = []
    for step in graph.steps:
        signs = [steps[source].nonnegative for source in step.inputs]
        known = step.nonnegative or step.kind is Kind.RELU or (step.kind in KEEPS_SIGN and all(signs))
        after = [graph.steps[i] for i in graph.consumers[step.index]]
        folds = (
            step.kind in WEIGHTED and step.index != graph.output and len(after) == 1 and after[0].kind is Kind.BATCHNORM
        )
        steps.append(replace(step, nonnegative=known, batchnorm=after[0].index if folds else None))
    return Graph(tuple(steps), graph.output)
