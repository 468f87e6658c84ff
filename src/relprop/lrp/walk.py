"""The walk back: every step turns the relevance of its output into that of its inputs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from relprop.lrp.audit import AuditRow
from relprop.lrp.forward import Activations
from relprop.lrp.graph import POOLING, WEIGHTED, Kind, Step
from relprop.lrp.maps import transpose
from relprop.lrp.plan import Plan, factors
from relprop.lrp.start import keep_largest
from relprop.lrp.visit import Ledger, Visit
from relprop.lrp.weights import Weights

Shares = list[tuple[int, Tensor]]


@dataclass
class Watcher:
    """Sees the walk, if it has paper to write on: the relevance of every step's output, or a row of the audit.

    Both in true units, if the walk goes with `scale` times the relevance.
    """

    scale: float = 1.0
    record: dict[str, Tensor] | None = None
    rows: list[AuditRow] | None = None

    @property
    def is_watching(self) -> bool:
        """Whether there is any paper."""
        return self.record is not None or self.rows is not None

    def see(self, step: Step, rule: str, relevance: Tensor) -> Ledger | None:
        """Note the relevance that arrives at a step; gives a ledger to whoever must account for it."""
        if self.record is not None:
            self.record[step.name] = relevance / self.scale  # a copy: from here on it may be overwritten
        if self.rows is None:
            return None
        self.rows.append(AuditRow(step.name, rule, _total(relevance) / self.scale, 0.0))
        return Ledger()

    def account(self, ledger: Ledger | None, shares: Shares) -> None:
        """Note what a step has handed on and what it has kept."""
        if self.rows is not None and ledger is not None:
            handed_on = sum(_total(share) for _, share in shares) / self.scale
            kept = {cause: amount / self.scale for cause, amount in ledger.entries.items()}
            self.rows[-1] = replace(self.rows[-1], relevance_in=handed_on, absorbed=kept)


def walk(
    plan: Plan, weights: Weights, activations: Activations, start: Tensor, keep: float, watcher: Watcher
) -> Tensor:
    """Relevance of the images from the relevance `start` (N, classes) of the logits; frees activations on the way.

    `keep` is the share of relevances that each layer and pooling lets in. Every tensor of relevance has one owner, the
    walk, so that rules may overwrite what they are given.
    """
    graph = plan.graph
    waiting = {graph.output: start}
    for step in reversed(graph.steps[1:]):
        relevance = waiting.pop(step.index, None)
        if relevance is not None:
            ledger = watcher.see(step, plan.describe(step), relevance)
            shares = _step_back(plan, weights, activations, step, relevance, keep, ledger)
            watcher.account(ledger, shares)
            for source, share in shares:
                waiting[source] = waiting[source].add_(share) if source in waiting else share
        activations.values[step.index] = None
    return waiting.get(0, torch.zeros_like(activations.values[0]))


def _total(relevance: Tensor) -> float:
    return relevance.sum(dtype=torch.float64).item()


def _step_back(
    plan: Plan,
    weights: Weights,
    activations: Activations,
    step: Step,
    relevance: Tensor,
    keep: float,
    ledger: Ledger | None,
) -> Shares:
    """What each input of `step` gets of the relevance of its output: (index of the input's step, share)."""
    if step.kind is Kind.ADD:
        return _divide(plan, step, relevance, activations)
    if step.kind is Kind.PRODUCT:
        return _product(plan, step, relevance, activations)
    if step.kind is Kind.CONCAT:
        sizes = [activations.shapes[source][step.dim] for source in step.inputs]
        return _added_up(zip(step.inputs, torch.split(relevance, sizes, step.dim), strict=True))
    source = step.inputs[0]
    like = relevance.new_empty(1).expand(activations.shapes[source])
    function = _function(step, activations)
    if step.kind is Kind.ROUTE:
        return [(source, _route_back(function, relevance, like, ledger))]
    if step.kind in WEIGHTED | POOLING:
        relevance = _filter(relevance, keep, ledger)
    rule = plan.rules[step.index]
    a = activations.of(source) if rule.needs_input else None
    z = activations.of(step.index) if rule.needs_output else None
    layer, prepared = weights.layers[step.index], weights.prepared[step.index]
    visit = Visit(layer, prepared, like if a is None else a, relevance, function, a, z, ledger)
    result = rule(visit)
    return [(source, result.sum_to_size(like.shape) if result.shape != like.shape else result)]


def _divide(plan: Plan, step: Step, relevance: Tensor, activations: Activations) -> Shares:
    addition, split = plan.additions[step.index], plan.split
    shapes = [activations.shapes[side] for side in (addition.main, addition.shortcut)]
    sides = plan.divides(step)
    if split.copies:
        both = (relevance, relevance.clone())
    elif len(sides) == 1:
        (side,) = sides
        return [(side, relevance.sum_to_size(activations.shapes[side]))]
    else:
        looks = split.needs_values(addition)
        main, shortcut = (activations.of(i) if looks else None for i in (addition.main, addition.shortcut))
        share = split.share(addition, main, shortcut)
        to_main = share.mul_(relevance) if isinstance(share, Tensor) else relevance * share
        both = (to_main, relevance.sub_(to_main))
    return [
        (side, part if part.shape == shape else part.sum_to_size(shape))  # where a side was broadcast
        for side, part, shape in zip((addition.main, addition.shortcut), both, shapes, strict=True)
    ]


def _product(plan: Plan, step: Step, relevance: Tensor, activations: Activations) -> Shares:
    sides = factors(step)
    if not plan.gate.opens:
        return [(sides[0], relevance.sum_to_size(activations.shapes[sides[0]]))]
    signal, gate = (activations.of(side) if plan.gate.needs_values else None for side in sides)
    shares = plan.gate.shares(relevance, signal, gate)
    return [(side, share.sum_to_size(activations.shapes[side])) for side, share in zip(sides, shares, strict=True)]


def _added_up(shares: Any) -> Shares:
    """One share for each input, also if an input comes twice."""
    total: dict[int, Tensor] = {}
    for source, share in shares:
        total[source] = total[source] + share if source in total else share
    return list(total.items())


def _function(step: Step, activations: Activations) -> Callable[[Tensor], Tensor]:
    """A step with one input as a function of that."""
    if step.function is None:
        module = step.module
        return lambda a: module.forward(a.clone() if getattr(module, "inplace", False) else a)
    source, function = step.inputs[0], step.function
    return lambda a: function([a if i == source else value for i, value in enumerate(activations.values)])


def _route_back(function: Callable[[Tensor], Tensor], relevance: Tensor, like: Tensor, ledger: Ledger | None) -> Tensor:
    """Every value's relevance goes back to where the value came from; that of padding comes from nowhere."""
    if ledger is not None:
        ledger.add("padding", relevance * (function(like.new_ones(like.shape)) == 0))
    return transpose(function, relevance, like.shape)


def _filter(relevance: Tensor, keep: float, ledger: Ledger | None) -> Tensor:
    kept = keep_largest(relevance, keep)
    if ledger is not None and kept is not relevance:
        ledger.add("filter", relevance - kept)
    return kept
