"""LRP: run the steps of a network forward once, walk them back once."""

from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.inference import exact_float32
from relprop.lrp.composites import COMPOSITES, Composite
from relprop.lrp.forward import Activations, forward
from relprop.lrp.graph import POOLING, WEIGHTED, Kind, Step, UnsupportedOperationError
from relprop.lrp.linear import transpose
from relprop.lrp.residual import find_additions
from relprop.lrp.rules import Rule
from relprop.lrp.splits import SPLITS
from relprop.lrp.start import STARTS, check_images, keep_largest, resolve_target
from relprop.lrp.tracing import trace
from relprop.lrp.weights import Weights, fingerprint, prepare
from relprop.registry import choose


class LRP:
    """Layer-wise relevance propagation through any network that torch.fx can trace.

    ```python
    engine = LRP(resnet50, composite="otsuki2024", skip="flows_skip")
    attribution = engine.attribute(images)  # (N, C, H, W)
    print(engine)  # step ← rule
    ```

    - `model`: gives logits (N, classes) for images (N, C, H, W). It is read, never changed; when its weights change
      or move to another device, the next call explains the new ones.
    - `composite`: which rule goes to which layer, a name of `list_composites()` or a `Composite`.
    - `skip`: how additions divide relevance between main branch and shortcut, a key of `SPLITS`.
    - `start`: relevance at the output, a key of `STARTS`; None leaves it to the composite.
    - `relevance_filter`: share K of relevances kept before each weighted or pooling layer: the max(1, ⌊K·n⌋) largest
      of each image (Fischer 2021, Otsuki et al. 2024); 1.0 keeps all.
    - `bn`: "pass" (rules see the weights before batch norm, which passes relevance on: Otsuki et al. 2024) or "fold"
      (rules see the weights with batch norm folded in, as canonization does: Motzkus et al. 2022).

    The engine computes in float32, without autograd and whatever autocast is active. Raises `UserError` for names and
    values that it does not know and `UnsupportedOperationError` for steps without a rule; both are `ValueError`s.
    Writes to weights that torch does not count, through `.data`, go unseen: build a new engine after them.
    """

    def __init__(
        self,
        model: nn.Module,
        composite: str | Composite = "zplus",
        skip: str = "flows_skip",
        start: str | None = None,
        relevance_filter: float = 1.0,
        bn: str = "pass",
    ) -> None:
        self.model = model
        self.composite = composite if isinstance(composite, Composite) else choose("composite", composite, COMPOSITES)
        self.split = choose("skip", skip, SPLITS)
        self.start = choose("start", self.composite.start if start is None else start, STARTS)
        self.folds = choose("bn", bn, {"pass": False, "fold": True})
        if not 0 < relevance_filter <= 1:
            raise UserError(f"relevance_filter={relevance_filter} must be above 0 and at most 1 (keep all)")
        self.relevance_filter = relevance_filter
        self._build()

    def attribute(self, images: Tensor, target: Tensor | int | None = None) -> Tensor:
        """Relevance of every pixel and channel, float32 (N, C, H, W).

        `images`: finite floats (N, C, H, W), normalised as in training, on the model's device. `target`: None for the
        predicted class, a class index for all images, or indices (N,).
        """
        return self._propagate(images, target, record=None)

    def trace(self, images: Tensor, target: Tensor | int | None = None) -> dict[str, Tensor]:
        """Relevance of the output of every step, by the step's name, in the order in which the network runs.

        "input" is what `attribute` gives. Steps that get none (a branch that the split cuts off) are left out.
        """
        record: dict[str, Tensor] = {}
        attribution = self._propagate(images, target, record)
        return {"input": attribution, **dict(reversed(record.items()))}

    def __repr__(self) -> str:
        width = max(len(step.name) for step in self.graph.steps)
        lines = [f"  {step.name:{width}} ← {self._describe(step)}" for step in self.graph.steps]
        return "\n".join([f"LRP of {type(self.model).__name__}", *lines])

    @torch.no_grad()
    def _propagate(self, images: Tensor, target: Tensor | int | None, record: dict[str, Tensor] | None) -> Tensor:
        """Relevance of the images; the relevance of every step's output goes into `record`."""
        check_images(images)
        with exact_float32(images.device):
            weights = self._current_weights()
            batch = images.float().contiguous(memory_format=torch.channels_last)
            activations = forward(self.graph, weights.affines, batch, self._keep)
            logits = activations.values[self.graph.output]
            waiting = {self.graph.output: self.start(logits, resolve_target(logits, target))}
            for step in reversed(self.graph.steps[1:]):
                if (relevance := waiting.pop(step.index, None)) is not None:
                    if record is not None:
                        record[step.name] = relevance.clone()  # from here on it may be overwritten
                    for source, share in self._step_back(step, relevance, activations, weights):
                        waiting[source] = waiting[source].add_(share) if source in waiting else share
                activations.values[step.index] = None
            return waiting.get(0, torch.zeros_like(batch)).contiguous()

    def _step_back(
        self, step: Step, relevance: Tensor, activations: Activations, weights: Weights
    ) -> list[tuple[int, Tensor]]:
        """What each input of `step` gets of the relevance of its output: (index of the input's step, share)."""
        if step.kind is Kind.ADD:
            return self._divide(step, relevance, activations)
        source = step.inputs[0]
        shape = activations.shapes[source]
        if step.kind is Kind.ROUTE:
            return [(source, _route_back(step, relevance, activations))]
        if step.kind in WEIGHTED | POOLING:
            relevance = keep_largest(relevance, self.relevance_filter)
        rule = self.rules[step.index]
        a = activations.values[source] if rule.needs_input else relevance.new_empty(1).expand(shape)
        return [(source, rule(weights.layers[step.index], weights.prepared[step.index], a, relevance))]

    def _divide(self, step: Step, relevance: Tensor, activations: Activations) -> list[tuple[int, Tensor]]:
        addition = self.additions[step.index]
        main, shortcut = None, None
        if self.split.needs_values(addition):
            main, shortcut = activations.values[addition.main], activations.values[addition.shortcut]
        share = self.split.share(addition, main, shortcut)
        if isinstance(share, float) and share == 1.0:
            return [(addition.main, relevance)]
        to_main = share.mul_(relevance) if isinstance(share, Tensor) else relevance * share
        return [(addition.main, to_main), (addition.shortcut, relevance.sub_(to_main))]

    def _build(self) -> None:
        """Read the network as it is now."""
        self.graph = trace(self.model)
        self.additions = find_additions(self.graph)
        self.rules = self._assign_rules()
        self._keep = self._values_to_keep()
        self._modules: Any = fingerprint(self.model)[0]
        self._versions: Any = None

    def _current_weights(self) -> Weights:
        modules, versions = fingerprint(self.model)
        if modules != self._modules:
            self._build()
        if versions != self._versions:
            with torch.inference_mode(False):
                self._weights = prepare(self.graph, self.rules, self.folds)
            self._versions = versions
        return self._weights

    def _assign_rules(self) -> dict[int, Rule]:
        rules: dict[int, Rule] = {}
        for step in self.graph.steps[1:]:
            lone_norm = step.kind is Kind.BATCHNORM and step.index not in self.graph.folded
            if self.folds and lone_norm:
                raise UnsupportedOperationError(
                    f"{step.name}: bn='fold' needs every batch norm right after a conv or linear layer of its own. "
                    "Use bn='pass'."
                )
            rule = self.composite.rule(self.graph, step)
            if rule is not None:
                rules[step.index] = rule
        return rules

    def _values_to_keep(self) -> frozenset[int]:
        keep = {self.graph.output}
        for step in self.graph.steps:
            if step.index in self.rules and self.rules[step.index].needs_input:
                keep.update(step.inputs)
            if step.kind is Kind.SIZE:
                keep.add(step.index)
            if step.kind is Kind.ADD and self.split.needs_values(self.additions[step.index]):
                keep.update(step.inputs)
        return frozenset(keep)

    def _describe(self, step: Step) -> str:
        if step.kind is Kind.ADD:
            addition = self.additions[step.index]
            main, shortcut = (self.graph.steps[i].name for i in (addition.main, addition.shortcut))
            return f"{type(self.split).__name__} of {main} and {addition.kind} {shortcut}"
        if step.index in self.rules:
            return repr(self.rules[step.index])
        return "image" if step.kind is Kind.INPUT else step.kind.value


def _route_back(step: Step, relevance: Tensor, activations: Activations) -> Tensor:
    """Every value's relevance goes back to where the value came from."""
    source, shape = step.inputs[0], activations.shapes[step.inputs[0]]
    if step.function is None:
        return transpose(step.module.forward, relevance, shape)
    function = step.function

    def move(a: Tensor) -> Any:
        return function([a if index == source else value for index, value in enumerate(activations.values)])

    return transpose(move, relevance, shape)
