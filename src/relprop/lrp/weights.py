"""What the engine computes from a network's weights, once, until they change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.lrp.affines import Affine, layer_affine
from relprop.lrp.graph import WEIGHTED, Graph, Kind, Step
from relprop.lrp.maps import LinearMap, PoolMap, ScaleMap, batchnorm_affine
from relprop.lrp.patterns import Patterns
from relprop.lrp.plan import Plan
from relprop.lrp.visit import Layer


@dataclass(frozen=True)
class Options:
    """How the engine computes: type and order of its tensors, and what else it knows of images and layers.

    `box` are the lowest and the highest value of every channel of the images.
    """

    dtype: torch.dtype = torch.float32
    memory_format: torch.memory_format = torch.channels_last
    folds: bool = False
    box: tuple[Sequence[float], Sequence[float]] | None = None
    patterns: Patterns | None = None


@dataclass(frozen=True)
class Weights:
    """By step index: layers as the forward pass runs them, as the rules see them, and what the rules made of them."""

    affines: Mapping[int, Affine]
    layers: Mapping[int, Layer]
    prepared: Mapping[int, Any]


def prepare(model: nn.Module, plan: Plan, options: Options) -> Weights:
    """Weights in the options' type and order; rules see those with batch norm folded in only if `options.folds`.

    Raises `UserError` that names a parameter or buffer with NaN or infinite values, or what a rule lacks.
    """
    _refuse_nan(model)
    affines: dict[int, Affine] = {}
    layers: dict[int, Layer] = {}
    for step in plan.graph.steps:
        seen = None
        if step.kind in WEIGHTED:
            runs_folded = step.batchnorm in plan.folded
            affines[step.index] = seen = _cast(layer_affine(plan.graph, step, runs_folded), options)
            if runs_folded and not options.folds:
                seen = _cast(layer_affine(plan.graph, step, False), options)
        elif step.kind is Kind.BATCHNORM:
            seen = _cast(Affine(ScaleMap(), *batchnorm_affine(step.module)), options)
            if step.index not in plan.folded:
                affines[step.index] = seen
        if step.index in plan.rules:
            layers[step.index] = _layer(plan.graph, step, seen, options)
    prepared = {index: rule.prepare(layers[index]) for index, rule in plan.rules.items()}
    return Weights(affines, layers, prepared)


def _layer(graph: Graph, step: Step, affine: Affine | None, options: Options) -> Layer:
    layer_map: LinearMap | None
    if affine is None:
        layer_map = PoolMap(step.module) if step.kind is Kind.AVGPOOL else None
        weight, bias = torch.ones((), dtype=options.dtype), None
    else:
        layer_map, weight, bias = affine.map, affine.weight, affine.bias
    lowest, highest = (None, None) if options.box is None else map(weight.new_tensor, options.box)
    pattern = None if options.patterns is None else options.patterns.values.get(step.name)
    if pattern is not None:
        pattern = _ordered(pattern.to(weight), options)
    nonnegative = graph.steps[step.inputs[0]].nonnegative
    return Layer(step.name, step.kind, step.module, layer_map, weight, bias, nonnegative, lowest, highest, pattern)


def _cast(affine: Affine, options: Options) -> Affine:
    bias = None if affine.bias is None else affine.bias.to(options.dtype)
    return Affine(affine.map, _ordered(affine.weight.to(options.dtype), options), bias)


def _ordered(weight: Tensor, options: Options) -> Tensor:
    """Channels last is the order in which convolutions run fastest on CPUs and tensor cores."""
    return weight.contiguous(memory_format=options.memory_format) if weight.dim() == 4 else weight


def _refuse_nan(model: nn.Module) -> None:
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise UserError(f"{name} contains NaN or infinite values; an explanation of this network would, too")
