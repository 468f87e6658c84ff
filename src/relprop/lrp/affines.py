"""Weighted layers as they are in the network, with or without the batch norm that follows."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from relprop.lrp.graph import Graph, Step
from relprop.lrp.maps import LinearMap, fold_batchnorm, linear_map, wide


@dataclass(frozen=True)
class Affine:
    """A layer z = W a + b."""

    map: LinearMap
    weight: Tensor
    bias: Tensor | None


def layer_affine(graph: Graph, step: Step, folds: bool) -> Affine:
    """A convolution or linear layer, in float32 or float64; with `folds`, the batch norm after it is part of it."""
    module: Any = step.module
    layer_map = linear_map(module)
    assert layer_map is not None
    weight, bias = wide(module.weight.detach()), None if module.bias is None else wide(module.bias.detach())
    if folds and step.batchnorm is not None:
        weight, bias = fold_batchnorm(module, weight, bias, graph.steps[step.batchnorm].module)
    return Affine(layer_map, weight, bias)
