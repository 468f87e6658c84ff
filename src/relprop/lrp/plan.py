"""What an engine does at every step, decided once from the graph: rules, splits, what the forward pass keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from relprop.errors import UserError
from relprop.lrp.composites import Composite
from relprop.lrp.graph import NO_RELEVANCE, Graph, Kind, Step, UnsupportedOperationError
from relprop.lrp.products import Gate
from relprop.lrp.residual import Addition, find_additions
from relprop.lrp.rule import Rule
from relprop.lrp.rules import Pass
from relprop.lrp.splits import Split


@dataclass(frozen=True)
class Plan:
    """`rules` and `additions` by step index, for the steps that relevance `reached`.

    `folded` are the batch norms that the forward pass computes with the layer before, `keep` the steps whose outputs
    the walk back looks at.
    """

    graph: Graph
    rules: Mapping[int, Rule]
    additions: Mapping[int, Addition]
    split: Split
    gate: Gate
    reached: frozenset[int]
    folded: frozenset[int]
    keep: frozenset[int]

    def divides(self, step: Step) -> tuple[int, ...]:
        """The inputs of `step` that relevance can go to."""
        if step.kind is Kind.PRODUCT and not self.gate.opens:
            return factors(step)[:1]
        if step.kind is Kind.ADD:
            addition = self.additions[step.index]
            share = None if self.split.needs_values(addition) else self.split.share(addition, None, None)
            if share == 1 and not self.split.copies:
                return (addition.main,)
            if share == 0:
                return (addition.shortcut,)
        return step.inputs

    def describe(self, step: Step) -> str:
        """What happens to the relevance of the output of `step`."""
        if step.kind is Kind.INPUT:
            return "image"
        if step.kind in NO_RELEVANCE:
            return step.kind.value
        if step.index not in self.reached:
            return "no relevance"
        if step.kind is Kind.ADD:
            addition = self.additions[step.index]
            main, shortcut = (self.graph.steps[i].name for i in (addition.main, addition.shortcut))
            return f"{self.split} of {main} and {addition.kind} {shortcut}"
        if step.kind is Kind.PRODUCT:
            signal, gate = (self.graph.steps[i].name for i in factors(step))
            if not self.gate.opens:
                return f"all to {signal}, the rest is its gate"
            return f"{self.gate} of {signal} and its gate {gate}"
        return repr(self.rules[step.index]) if step.index in self.rules else step.kind.value


def factors(step: Step) -> tuple[int, int]:
    """Signal and gate of a product."""
    left, right = step.inputs
    return (left, right) if step.signal == left else (right, left)


def make_plan(graph: Graph, composite: Composite, split: Split, gate: Gate, folds: bool) -> Plan:
    """Raises `UnsupportedOperationError` or `UserError`, which name the step, for what the composite cannot serve."""
    empty: frozenset[int] = frozenset()
    additions = find_additions(graph)
    plan = Plan(graph, {}, additions, split, gate, empty, empty, empty)
    plan = replace(plan, reached=_reached(plan))
    if 0 not in plan.reached:
        raise UserError(f"{split} leaves no way for relevance from the logits to the image; choose another skip")
    rules = {index: rule for index, rule in composite.assign(graph).items() if index in plan.reached}
    _refuse_softmax(graph, rules)
    if folds:
        for step in graph.steps:
            if step.batchnorm in rules:
                rules[step.batchnorm] = Pass()
    plan = replace(plan, rules=rules)
    norms = ((step, step.batchnorm) for step in graph.steps)
    folded = frozenset(norm for step, norm in norms if norm is not None and _folds(plan, step, folds))
    return replace(plan, folded=folded, keep=_keep(plan))


def _folds(plan: Plan, step: Step, folds: bool) -> bool:
    """A rule that wants to see the output before the batch norm must get it."""
    wants_output = step.index in plan.rules and plan.rules[step.index].needs_output
    # whether the outputs of a linear layer are features or tokens of features shows at run time only
    return folds or (step.kind is Kind.CONV and not wants_output)


def _reached(plan: Plan) -> frozenset[int]:
    reached = {plan.graph.output}
    for step in reversed(plan.graph.steps):
        if step.index in reached:
            reached.update(plan.divides(step))
    return frozenset(reached)


def _refuse_softmax(graph: Graph, rules: Mapping[int, Rule]) -> None:
    """It mixes its inputs, so that passing relevance on would give it to the wrong ones."""
    for step in graph.steps:
        if step.operation == "softmax" and isinstance(rules.get(step.index), Pass):
            raise UnsupportedOperationError(
                f"{step.name}: LRP has no rule for softmax, unless it is a gate and gate='signal'. If the network ends "
                "with it, take it off: LRP starts from the logits."
            )


def _keep(plan: Plan) -> frozenset[int]:
    """Outputs that the walk back looks at; those of a ReLU are made anew where its input is kept anyway."""
    keep = {plan.graph.output}
    for step in plan.graph.steps:
        rule = plan.rules.get(step.index)
        if rule is not None and rule.needs_input:
            keep.update(step.inputs)
        if rule is not None and rule.needs_output:
            keep.add(step.index)
        if step.kind in NO_RELEVANCE:
            keep.add(step.index)
        if step.kind is Kind.PRODUCT and step.index in plan.reached and plan.gate.needs_values:
            keep.update(step.inputs)
        if step.kind is Kind.ADD and step.index in plan.reached and plan.split.needs_values(plan.additions[step.index]):
            keep.update(step.inputs)
    return frozenset(keep)
