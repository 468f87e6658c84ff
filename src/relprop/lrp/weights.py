"""What the engine computes from a network's weights, once, until they change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from relprop.lrp.forward import Affine
from relprop.lrp.graph import WEIGHTED, Graph, Step
from relprop.lrp.linear import LinearMap, fold_batchnorm
from relprop.lrp.rules import Layer, Rule


@dataclass(frozen=True)
class Weights:
    """By step index: layers as the forward pass runs them, as the rules see them, and what the rules made of them."""

    affines: Mapping[int, Affine]
    layers: Mapping[int, Layer]
    prepared: Mapping[int, Any]


def fingerprint(model: nn.Module) -> tuple[Any, ...]:
    """Changes whenever a module, parameter or buffer of `model` is replaced, moved or written to.

    Only writes that torch itself does not count, through `.data` or to inference tensors, go unseen.
    """
    modules = tuple(id(module) for module in model.modules())
    tensors = [*model.parameters(), *model.buffers()]
    versions = tuple((t.data_ptr(), t.device, t.dtype, None if t.is_inference() else t._version) for t in tensors)
    return modules, versions


def prepare(graph: Graph, rules: Mapping[int, Rule], fold: bool) -> Weights:
    """Weights in float32 and channels-last order; rules see those with batch norm folded in only if `fold`."""
    affines: dict[int, Affine] = {}
    layers: dict[int, Layer] = {}
    for step in graph.steps:
        if step.kind in WEIGHTED:
            raw = _raw(step)
            affines[step.index] = _folded(graph, step, raw)
            layers[step.index] = _layer(graph, step, affines[step.index] if fold else raw)
        elif step.index in rules:
            layers[step.index] = _layer(graph, step, None)
    prepared = {index: rule.prepare(layers[index]) for index, rule in rules.items()}
    return Weights(affines, layers, prepared)


def _raw(step: Step) -> Affine:
    module = step.module
    assert module is not None
    bias = None if module.bias is None else module.bias.detach().float()
    return Affine(LinearMap(module), _ordered(module.weight.detach().float()), bias)


def _folded(graph: Graph, step: Step, raw: Affine) -> Affine:
    if step.batchnorm is None:
        return raw
    norm = graph.steps[step.batchnorm].module
    assert norm is not None
    weight, bias = fold_batchnorm(raw.weight, raw.bias, norm)
    return Affine(raw.map, _ordered(weight), bias)


def _layer(graph: Graph, step: Step, affine: Affine | None) -> Layer:
    assert step.module is not None
    nonnegative = all(graph.steps[source].nonnegative for source in step.inputs)
    weight, bias = (affine.weight, affine.bias) if affine else (None, None)
    return Layer(step.module, LinearMap(step.module), weight, bias, nonnegative)


def _ordered(weight: Tensor) -> Tensor:
    """Channels last, in which convolutions run fastest on CPUs and tensor cores."""
    return weight.contiguous(memory_format=torch.channels_last) if weight.dim() == 4 else weight
