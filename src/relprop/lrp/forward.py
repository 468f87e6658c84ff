"""The forward pass of the engine: run the steps without autograd and keep the tensors that will be asked for."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from relprop.lrp.graph import WEIGHTED, Graph, Kind, Step, UnsupportedOperationError
from relprop.lrp.linear import LinearMap, batchnorm_affine

NEW_TENSOR = WEIGHTED | {Kind.ADD, Kind.MAXPOOL, Kind.AVGPOOL}
SAME_TENSOR = frozenset({Kind.IDENTITY, Kind.BATCHNORM})


@dataclass(frozen=True)
class Affine:
    """A weighted layer as the forward pass runs it, z = W a + b, with the batch norm after it folded in."""

    map: LinearMap
    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True)
class Activations:
    """What a forward pass leaves behind: the outputs of the steps to keep, and the shape of every output."""

    values: list[Any]
    shapes: list[torch.Size]


def forward(graph: Graph, affines: Mapping[int, Affine], images: Tensor, keep: Set[int]) -> Activations:
    """Run `graph` on `images`. Outputs of steps that are not in `keep` are freed after their last use."""
    values: list[Any] = [None] * len(graph.steps)
    shapes = [torch.Size()] * len(graph.steps)
    uses = [len(consumers) for consumers in graph.consumers]
    for step in graph.steps:
        value = images if step.kind is Kind.INPUT else _output(graph, step, affines, values, keep)
        values[step.index] = value
        if isinstance(value, Tensor):
            shapes[step.index] = value.shape
        for source in step.inputs:
            uses[source] -= 1
            if uses[source] == 0 and source not in keep:
                values[source] = torch.empty(shapes[source], device="meta")  # a later step may ask for its size
    return Activations(values, shapes)


def _output(graph: Graph, step: Step, affines: Mapping[int, Affine], values: list[Any], keep: Set[int]) -> Any:
    if step.kind is Kind.ADD and len({values[source].shape for source in step.inputs}) > 1:
        shapes = " and ".join(str(tuple(values[source].shape)) for source in step.inputs)
        raise UnsupportedOperationError(f"{step.name}: LRP has no rule for adding {shapes}. Add tensors of one shape.")
    if step.function is not None:
        return step.function(values)
    assert step.module is not None
    a: Tensor = values[step.inputs[0]]
    if step.index in affines:
        layer = affines[step.index]
        return layer.map(a, layer.weight, layer.bias)
    if step.kind is Kind.RELU:
        return a.relu_() if _is_last_use(graph, step.inputs[0], keep) else a.relu()
    if step.kind is Kind.BATCHNORM and step.index not in graph.folded:
        scale, shift = (v.reshape(-1, *[1] * (a.dim() - 2)) for v in batchnorm_affine(step.module))
        return a * scale + shift
    return a if step.kind in SAME_TENSOR else step.module.forward(a)  # the caller's hooks must not fire


def _is_last_use(graph: Graph, index: int, keep: Set[int]) -> bool:
    """Whether the output of step `index` is a tensor of the engine's own that only one more step looks at."""
    step = graph.steps[index]
    if index in keep or len(graph.consumers[index]) != 1:
        return False
    if step.kind is Kind.BATCHNORM and index not in graph.folded:
        return True
    return step.kind in NEW_TENSOR or (step.kind in SAME_TENSOR and _is_last_use(graph, step.inputs[0], keep))
