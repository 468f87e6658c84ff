"""What the engine does at every step, decided from the graph alone."""

import pytest
import torch.nn.functional as F
from torch import nn

from relprop.lrp import COMPOSITES, GATES, SPLITS, UnsupportedOperationError
from relprop.lrp.graph import Kind
from relprop.lrp.plan import Plan, make_plan
from relprop.lrp.rules import Pass
from relprop.lrp.tracing import trace
from tests.networks import PreActivation, network_of


def plan_of(
    model: nn.Module,
    composite: str = "zplus",
    skip: str = "flows_skip",
    folds: bool = False,
    gate: str | None = None,
) -> Plan:
    chosen = COMPOSITES[composite]
    return make_plan(trace(model), chosen, SPLITS[skip], GATES[gate or chosen.gate], folds)


def names(plan: Plan, indices: object) -> set[str]:
    return {plan.graph.steps[index].name for index in indices}


@pytest.mark.parametrize("gate", [None, *GATES])
@pytest.mark.parametrize("composite", COMPOSITES)
def test_gates_get_no_relevance_unless_it_is_a_gradient_or_asked_for(composite: str, gate: str | None) -> None:
    plan = plan_of(network_of(lambda b, x: b.conv(x) * F.sigmoid(b.norm(b.other(x)))), composite, gate=gate)
    branch = {"block0.other", "block0.norm", "block0.sigmoid"}
    opens = COMPOSITES[composite].skip == "copy" if gate is None else gate != "signal"
    assert names(plan, plan.reached) & branch == (branch if opens else set())
    assert set(plan.rules) <= plan.reached


@pytest.mark.parametrize("skip", SPLITS)
def test_a_side_without_a_share_is_not_reached(skip: str) -> None:
    plan = plan_of(
        network_of(lambda b, x: b.conv(x) + x, lambda b, x: b.conv(F.relu(b.conv(x))) + b.other(x)), skip=skip
    )
    reached = names(plan, plan.reached)
    assert ("block0.conv" in reached) == (skip != "identity_only")
    assert ("block1.conv" in reached) == (skip != "identity_only")
    assert ("block1.other" in reached) == (skip != "residual_only")
    assert {"input", "stem", "head"} <= reached


def test_what_needs_no_rule_has_none() -> None:
    plan = plan_of(network_of(lambda b, x: b.conv(x).reshape(x.size(0), 4, 8, 8) * b.scale + x))
    shown = {step.name: plan.describe(step) for step in plan.graph.steps}
    assert shown["input"] == "image"
    assert shown["block0.size"] == Kind.SIZE
    assert shown["block0.scale"] == Kind.CONSTANT
    assert shown["block0.reshape"] == Kind.ROUTE
    assert shown["block0.add"] == "FlowsSkip() of block0.mul and identity relu"


@pytest.mark.parametrize("composite", ["zplus", "epsilon", "epsilon_gamma_box", "gradient"])
@pytest.mark.parametrize("folds", [False, True])
def test_a_batchnorm_runs_with_its_layer_where_no_rule_wants_to_see_between(composite: str, folds: bool) -> None:
    plan = plan_of(PreActivation(), composite, folds=folds)
    (conv,) = (step for step in plan.graph.steps if step.name == "conv")
    between = plan.rules[conv.index].needs_output
    assert names(plan, plan.folded) == ({"norm"} if folds or not between else set())
    assert "norm:2" not in names(plan, plan.folded)


@pytest.mark.parametrize("composite", COMPOSITES)
def test_a_folded_batchnorm_passes_relevance_on(composite: str) -> None:
    plan = plan_of(PreActivation(), composite, folds=True)
    (norm,) = plan.folded
    assert plan.rules[norm] == Pass()


def test_only_what_the_walk_back_looks_at_is_kept() -> None:
    plan = plan_of(network_of(lambda b, x: b.conv(x) + b.other(x)), skip="flows_skip_simple")
    sources = {plan.graph.steps[step.index].inputs[0] for step in plan.graph.steps if step.kind is Kind.CONV}
    assert sources <= plan.keep
    looks = plan_of(network_of(lambda b, x: b.conv(x) + b.other(x)), skip="flows_skip")
    assert names(looks, looks.keep - plan.keep) == {"block0.conv", "block0.other"}
    assert plan.graph.output in plan.keep


def test_a_first_layer_rule_without_input_does_not_keep_the_images() -> None:
    assert 0 not in plan_of(network_of(), "otsuki2024").keep
    assert 0 in plan_of(network_of(), "zplus").keep


def test_softmax_is_a_gate_or_nothing() -> None:
    attention = network_of(lambda b, x: b.conv(x) * b.other(x).flatten(2).softmax(2).view(x.shape))
    assert "block0.softmax" not in names(plan_of(attention), plan_of(attention).reached)
    at_end = nn.Sequential(network_of(), nn.Softmax(1))
    with pytest.raises(
        UnsupportedOperationError, match="^1: LRP has no rule for softmax.*take it off: LRP starts from"
    ):
        plan_of(at_end)
    with pytest.raises(UnsupportedOperationError, match="^block0.softmax: .* unless it is a gate and gate='signal'"):
        plan_of(attention, gate="half")
    assert plan_of(at_end, "gradient").graph.output in plan_of(at_end, "gradient").reached
