"""The forward pass of the engine: run the steps without autograd and keep the tensors that will be asked for."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.affines import Affine
from relprop.lrp.graph import WEIGHTED, Graph, Kind, Step

NEW_TENSOR = WEIGHTED | {
    Kind.ADD,
    Kind.PRODUCT,
    Kind.CONCAT,
    Kind.BATCHNORM,
    Kind.ACTIVATION,
    Kind.MAXPOOL,
    Kind.AVGPOOL,
}


@dataclass(frozen=True)
class Activations:
    """What a forward pass leaves behind: the outputs of the steps to keep, and the shape of every output."""

    graph: Graph
    folded: Set[int]
    values: list[Any]
    shapes: list[torch.Size]

    def of(self, index: int) -> Tensor:
        """The output of step `index`; a ReLU's is made anew if only its input was kept: that costs less than memory."""
        value: Tensor = self.values[index]
        if not value.is_meta:
            return value
        step = self.graph.steps[index]
        before = self.of(step.inputs[0])
        return before.relu() if step.kind is Kind.RELU else before


def forward(
    graph: Graph, affines: Mapping[int, Affine], folded: Set[int], images: Tensor, keep: Set[int]
) -> Activations:
    """Run `graph` on `images`. Outputs of steps that are not in `keep` are freed after their last use.

    `affines` are the layers by index, batch norms that stand alone included; those in `folded` are done already.
    Raises `UserError` that names the step for images that the network does not take.
    """
    made_anew = {
        step.index
        for step in graph.steps
        if step.kind is Kind.RELU and origin(graph, folded, step.inputs[0]) in keep and step.index != graph.output
    }
    keep = keep - made_anew
    values: list[Any] = [None] * len(graph.steps)
    shapes = [torch.Size()] * len(graph.steps)
    uses = [len(consumers) for consumers in graph.consumers]
    for step in graph.steps:
        value = images if step.kind is Kind.INPUT else _run(graph, step, affines, folded, values, keep)
        values[step.index] = value
        if isinstance(value, Tensor):
            shapes[step.index] = value.shape
        for source in step.inputs:
            uses[source] -= 1
            if uses[source] == 0 and source not in keep:
                values[source] = torch.empty_like(values[source], device="meta")  # a later step may ask for its size
    return Activations(graph, folded, values, shapes)


def origin(graph: Graph, folded: Set[int], index: int) -> int:
    """The step that made the tensor which step `index` hands on."""
    step = graph.steps[index]
    hands_on = step.kind is Kind.IDENTITY or index in folded
    return origin(graph, folded, step.inputs[0]) if hands_on else index


def _run(
    graph: Graph, step: Step, affines: Mapping[int, Affine], folded: Set[int], values: list[Any], keep: Set[int]
) -> Any:
    try:
        return _output(graph, step, affines, folded, values, keep)
    except (torch.OutOfMemoryError, UserError):
        raise
    except (RuntimeError, ValueError, IndexError) as error:
        shapes = " and ".join(str(tuple(values[source].shape)) for source in step.inputs)
        raise UserError(
            f"{step.name} cannot take its input {shapes}, from images {tuple(values[0].shape)}; do they have the size "
            f"that the network was made for? {str(error).partition(chr(10))[0]}"
        ) from error


def _output(
    graph: Graph, step: Step, affines: Mapping[int, Affine], folded: Set[int], values: list[Any], keep: Set[int]
) -> Any:
    if step.function is not None:
        return step.function(values)
    a: Tensor = values[step.inputs[0]]
    if step.index in affines:
        layer = affines[step.index]
        if step.kind is Kind.LINEAR and step.batchnorm in folded and a.dim() != 2:
            norm = graph.steps[step.batchnorm].name if step.batchnorm is not None else ""
            raise UserError(f"{norm}: a batch norm over tokens cannot be folded into {step.name}; use bn='pass'")
        return layer.map(a, layer.weight, layer.bias)
    if step.kind is Kind.IDENTITY or step.index in folded:
        return a
    mine = _is_last_use(graph, step.inputs[0], folded, keep)
    if step.kind is Kind.RELU:
        return a.relu_() if mine else a.relu()
    changes_input = getattr(step.module, "inplace", False)
    assert step.module is not None
    return step.module.forward(a.clone() if changes_input and not mine else a)  # the caller's hooks must not fire


def _is_last_use(graph: Graph, index: int, folded: Set[int], keep: Set[int]) -> bool:
    """Whether the output of step `index` is a tensor of the engine's own that only one more step looks at."""
    if index in keep or len(graph.consumers[index]) != 1:
        return False
    step = graph.steps[index]
    if step.kind is Kind.IDENTITY or index in folded:
        return _is_last_use(graph, step.inputs[0], folded, keep)
    return step.kind in NEW_TENSOR
