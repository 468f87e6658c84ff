"""A network taken apart into modules that are called once and change nothing in place, as captum's hooks need them."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from relprop.explainers.base import at_target
from relprop.inference import evaluation_mode, fingerprint, recompute_weights
from relprop.lrp.graph import Graph, Kind, Step
from relprop.lrp.tracing import trace

Layers = Mapping[Kind, Callable[[Step], nn.Module]]
FUNCTIONS = frozenset({Kind.IDENTITY, Kind.ROUTE})  # steps that captum has nothing to do at, modules or not


class Separated(nn.Module):
    """The logit of a class, by the steps of `graph` one after the other, in evaluation mode.

    Every call of a layer is a module of its own, also where the network calls one module several times, in place, or a
    function: `layers` by the step's index. They share their parameters and buffers with the network, so that changed
    weights are seen, but nothing else: attributes and hooks that are put on them never reach the network, and the
    network's own hooks do not fire. Weights that torch computes from others (parametrizations, pruning) are those of
    now. Make a new one for every use: it costs next to nothing.

    `instead` makes the modules of a kind of step; they take the outputs of the step's inputs.
    """

    def __init__(self, graph: Graph, instead: Layers | None = None) -> None:
        super().__init__()
        self.graph = graph
        made = {str(step.index): _layer(step, instead or {}) for step in graph.steps}
        self.layers = nn.ModuleDict({index: layer for index, layer in made.items() if layer is not None})

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        """The logits (N,) of the classes (N,) for images (N, C, H, W)."""
        values: list[Any] = []
        for step in self.graph.steps:
            values.append(images if step.kind is Kind.INPUT else self._output(step, values))
        return at_target(values[self.graph.output], target)

    def _output(self, step: Step, values: list[Any]) -> Any:
        inputs = [values[source] for source in step.inputs]
        if str(step.index) in self.layers:
            return self.layers[str(step.index)](*inputs)
        if step.function is not None:
            return step.function(values)
        return inputs[0] if step.kind is Kind.IDENTITY else step.module.forward(inputs[0])


def _layer(step: Step, instead: Layers) -> nn.Module | None:
    if step.kind in instead:
        return instead[step.kind](step)
    if step.module is None or step.kind in FUNCTIONS:
        return None
    return nn.ReLU() if step.kind is Kind.RELU else unhooked(step.module)


def unhooked(module: nn.Module) -> Any:
    """A module with the same parameters and buffers, but attributes of its own: out of place, without hooks."""
    own: Any = object.__new__(type_before_parametrizations(module))
    vars(own).update(vars(module))
    vars(own).update({name: value for name, value in vars(nn.Module()).items() if "hook" in name})
    if is_parametrized(module):
        parametrized: Any = own._modules["parametrizations"]
        own._modules = {name: child for name, child in own._modules.items() if child is not parametrized}
        with torch.no_grad(), evaluation_mode(module):  # a spectral norm in training mode would take a step
            vars(own).update({name: getattr(module, name) for name in parametrized})
    if hasattr(own, "inplace"):
        vars(own)["inplace"] = False
    return own.eval()


class Graphs:
    """The graph of `model`, read anew when one of its modules was replaced; weights are not part of it.

    Raises `UnsupportedOperationError`, a `UserError`, which names what torch.fx or relprop cannot read.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._modules: Any = None

    def current(self) -> Graph:
        """The graph of the model as it is now."""
        recompute_weights(self.model)
        modules, _ = fingerprint(self.model)
        if modules != self._modules:
            self._graph, self._modules = trace(self.model), modules
        return self._graph
