"""Composites: which rule goes to which step."""

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from relprop.errors import UserError
from relprop.lrp.graph import ELEMENTWISE, POOLING, WEIGHTED, Graph, Kind, Step, UnsupportedOperationError
from relprop.lrp.rule import Rule
from relprop.lrp.rules import Pass
from relprop.lrp.selectors import Selector

NEEDS_RULE = WEIGHTED | POOLING | ELEMENTWISE


@dataclass(frozen=True)
class Composite:
    """Rules for steps: of all pairs (selector, rule), the first whose selector fits.

    Selectors are `OfKind`, `At`, `Named`, or any function of graph and step. Activations, dropout, batch norm and
    constants pass relevance on unless a pair says otherwise; convolutions, linear layers and pooling must have a rule.

    `source` is the publication. `start`, `skip` and `gate` are where relevance starts and how additions and products
    divide it unless the caller says otherwise. `times_input`: the result is multiplied by the image.
    """

    source: str
    rules: tuple[tuple[Selector, Rule], ...]
    start: str = "probability"
    skip: str = "flows_skip"
    gate: str = "signal"
    times_input: bool = False

    def override(self, *rules: tuple[Selector, Rule]) -> "Composite":
        """The same composite with other rules for what these selectors fit."""
        return replace(self, rules=(*rules, *self.rules))

    def with_bias(self, bias: str) -> "Composite":
        """The same composite whose rules all treat the bias as said; see `relprop.lrp.rules`."""
        return replace(self, rules=tuple((selector, _with(rule, bias=bias)) for selector, rule in self.rules))

    def tuned(self, gamma: float | None = None, eps: float | None = None) -> "Composite":
        """The same composite with this γ in all its rules LRP-γ, this ε in all its rules LRP-ε; None: as they are.

        So grids are made, as in Bermúdez Schettino 2022. What only keeps a denominator off zero, in LRP-0, LRP-γ, z⁺
        and all other rules, is no such ε and stays. Raises `UserError` if there is no rule LRP-γ, or LRP-ε, to tune.
        """
        given = {name: value for name, value in (("gamma", gamma), ("eps", eps)) if value is not None}
        there = {name: f"{name} of {type(rule).__name__}" for _, rule in self.rules for name in sorted(rule.tunable)}
        if missing := [name for name in given if name not in there]:
            name, has = missing[0], " and ".join(there.values()) or "nothing"
            raise UserError(
                f"{name}={given[name]}: no rule of the composite takes it; what can be tuned there: {has}. Leave it "
                "out, or choose a composite with LRP-γ (for gamma) or LRP-ε (for eps)"
            )

        def tuned(rule: Rule) -> Rule:
            changed: Rule = _with(rule, **{name: value for name, value in given.items() if name in rule.tunable})
            return changed

        return replace(self, rules=tuple((selector, tuned(rule)) for selector, rule in self.rules))

    def assign(self, graph: Graph) -> dict[int, Rule]:
        """The rule of every step that needs one, by index.

        Raises `UnsupportedOperationError` for a layer without a rule, and `UserError` for a rule at the wrong kind of
        step or a selector by name that fits nothing.
        """
        assigned = {}
        for step in graph.steps:
            if step.kind in NEEDS_RULE:
                assigned[step.index] = self._rule(graph, step)
        for selector, rule in self.rules:
            if getattr(selector, "patterns", None) and not any(selector(graph, step) for step in graph.steps):
                names = ", ".join(step.name for step in graph.steps if step.kind in WEIGHTED)
                raise UserError(f"{selector} for {rule} fits no step; conv and linear layers: {names}")
        return assigned

    def _rule(self, graph: Graph, step: Step) -> Rule:
        for selector, rule in self.rules:
            if selector(graph, step):
                if step.kind not in rule.kinds:
                    raise UserError(f"{step.name}: {rule} is no rule for {step.kind} steps; it serves {_list(rule)}")
                return rule
        if step.kind in ELEMENTWISE:
            return Pass()
        raise UnsupportedOperationError(
            f"{step.name}: the composite has no rule for {step.kind} steps; add one with "
            f'Composite.override((OfKind("{step.kind}"), rule))'
        )


def _with(rule: Any, **changes: Any) -> Any:
    """`rule` with those of the changes that it has fields for."""
    names = {field.name for field in fields(rule)} if is_dataclass(rule) else set()
    if not names & changes.keys():
        return rule
    return replace(rule, **{name: value for name, value in changes.items() if name in names})


def _list(rule: Rule) -> str:
    return ", ".join(kind for kind in Kind if kind in rule.kinds)
