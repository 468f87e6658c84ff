"""Which rule goes to which step: the first pair whose selector fits."""

from dataclasses import dataclass

import pytest
from torch import Tensor, nn

from relprop import LRP
from relprop.errors import UserError
from relprop.lrp import BIASES, COMPOSITES, At, Composite, Named, OfKind, UnsupportedOperationError
from relprop.lrp.composites import NEEDS_RULE
from relprop.lrp.graph import ELEMENTWISE, POOLING, WEIGHTED, Graph, Kind, Step
from relprop.lrp.pooling import WinnerTakesAll
from relprop.lrp.rule import Rule
from relprop.lrp.rules import Epsilon, Flat, Gamma, Norm, Pass, Stop, ZBox, Zero, ZPlus
from relprop.lrp.tracing import trace
from relprop.lrp.visit import Visit
from tests.networks import Functional, network_of

GRAPH = trace(network_of(lambda b, x: b.conv(b.maxpool(x)) * b.scale))
ZPLUS = COMPOSITES["zplus"]


def assigned(composite: Composite) -> dict[str, Rule]:
    return {GRAPH.steps[index].name: rule for index, rule in composite.assign(GRAPH).items()}


def test_every_layer_activation_and_pooling_has_a_rule() -> None:
    rules = assigned(ZPLUS)
    assert list(rules) == [step.name for step in GRAPH.steps if step.kind in NEEDS_RULE]
    kinds = {step.name: step.kind for step in GRAPH.steps}
    for name, rule in rules.items():
        assert isinstance(rule, Pass) == (kinds[name] in ELEMENTWISE)


def test_the_first_selector_that_fits_counts() -> None:
    composite = Composite("", ((Named("stem"), Flat()), (OfKind("conv"), Gamma()), *ZPLUS.rules))
    rules = assigned(composite)
    assert (rules["stem"], rules["block0.conv"], rules["head"]) == (Flat(), Gamma(), ZPlus())


def test_override_goes_before_and_leaves_the_original_alone() -> None:
    before = ZPLUS.rules
    other = ZPLUS.override((At(0), Epsilon()), (Named("stem"), Flat()))
    assert assigned(other)["stem"] == Epsilon()
    assert ZPLUS.rules is before
    assert (other.start, other.skip, other.source) == (ZPLUS.start, ZPLUS.skip, ZPLUS.source)


def test_any_function_of_graph_and_step_selects() -> None:
    def wide(graph: Graph, step: Step) -> bool:
        return step.kind is Kind.LINEAR and step.module.out_features == 5

    assert assigned(ZPLUS.override((wide, Epsilon())))["head"] == Epsilon()


@pytest.mark.parametrize("kind", sorted(WEIGHTED | POOLING))
def test_a_layer_without_a_rule_is_refused_with_the_remedy(kind: Kind) -> None:
    rules = tuple(pair for pair in ZPLUS.rules if kind not in getattr(pair[0], "kinds", ()))
    others = OfKind(*(other for other in WEIGHTED if other is not kind)), ZPlus()
    model = network_of(lambda b, x: b.maxpool(x))
    (first, *_) = (step.name for step in trace(model).steps if step.kind is kind)
    message = rf'^{first}: the composite has no rule for {kind} steps; add one .*\(OfKind\("{kind}"\), rule\)'
    with pytest.raises(UnsupportedOperationError, match=message):
        LRP(model, Composite("", (*rules, others)))


@pytest.mark.parametrize("kind", sorted(NEEDS_RULE))
def test_a_rule_at_the_wrong_kind_of_step_is_refused(kind: Kind) -> None:
    @dataclass(frozen=True)
    class Elsewhere(Stop):
        kinds = NEEDS_RULE - {kind}

    model = network_of(lambda b, x: b.maxpool(b.dropout(x) * b.scale).tanh())
    with pytest.raises(UserError, match=rf": .*Elsewhere.* is no rule for {kind} steps; it serves "):
        LRP(model, ZPLUS.override((OfKind(kind), Elsewhere())))


def test_a_pattern_that_fits_nothing_is_refused_with_the_names() -> None:
    with pytest.raises(UserError, match=r"stam.* fits no step; conv and linear layers: stem, block0.conv, head$"):
        LRP(network_of(lambda b, x: b.conv(x)), ZPLUS.override((Named("stam"), Flat())))
    LRP(network_of(), ZPLUS.override((At(99), Flat()), (OfKind("product"), Flat())))  # these promise nothing


@pytest.mark.parametrize("bias", BIASES)
def test_with_bias_changes_the_rules_that_have_a_choice(bias: str) -> None:
    composite = ZPLUS.override((Named("stem"), Epsilon()), (Named("head"), Flat())).with_bias(bias)
    rules = assigned(composite)
    assert (rules["stem"], rules["block0.conv"], rules["head"]) == (Epsilon(bias), ZPlus(bias), Flat())


def test_tuned_sets_gamma_of_the_gamma_rules_and_eps_of_the_epsilon_rules() -> None:
    """The composite of Bermúdez Schettino 2022 at other values, written out; every other stabilizer stays."""
    tuned = COMPOSITES["bermudez2022"].tuned(gamma=0.5, eps=0.1)
    assert tuned.rules == (
        (At(0), ZBox()),
        (At(1, 2), Gamma(gamma=0.5)),
        (OfKind("conv"), Epsilon(eps=0.1, signed=False)),
        (OfKind("linear"), Zero()),
        (OfKind("maxpool"), WinnerTakesAll()),
        (OfKind("avgpool"), Norm()),
    )
    assert (tuned.start, tuned.skip, tuned.source) == ("logit", "signed", COMPOSITES["bermudez2022"].source)


def test_tuned_leaves_what_is_not_said() -> None:
    composite = COMPOSITES["epsilon_gamma_box"]
    assert composite.tuned() == composite
    assert composite.tuned(gamma=2.0).rules == composite.tuned(gamma=2.0, eps=1e-6).rules != composite.rules
    assert composite.tuned(eps=0.1).rules == composite.tuned(gamma=0.25, eps=0.1).rules != composite.rules
    with_bias = Composite("", ((At(0), Gamma("distribute", eps=1e-3)), (At(1), Own()))).tuned(gamma=2.0)
    assert with_bias.rules[0][1] == Gamma("distribute", gamma=2.0, eps=1e-3)


TUNABLE = {
    "bermudez2022": {"gamma", "eps"},
    "epsilon": {"eps"},
    "epsilon_alpha2_beta1": {"eps"},
    "epsilon_alpha2_beta1_flat": {"eps"},
    "epsilon_gamma_box": {"gamma", "eps"},
    "epsilon_plus": {"eps"},
    "epsilon_plus_flat": {"eps"},
}


@pytest.mark.parametrize("name", COMPOSITES)
@pytest.mark.parametrize("parameter", ["gamma", "eps"])
def test_a_parameter_that_no_rule_has_is_refused(name: str, parameter: str) -> None:
    """Stabilizers, as that of z⁺, are no parameters."""
    there = TUNABLE.get(name, set())
    if parameter in there:
        assert COMPOSITES[name].tuned(**{parameter: 0.5}) != COMPOSITES[name]
        return
    has = "eps of Epsilon" if there else "nothing"
    message = f"^{parameter}=0.5: no rule of the composite takes it; what can be tuned there: {has}. Leave it out, or"
    with pytest.raises(UserError, match=message):
        COMPOSITES[name].tuned(**{parameter: 0.5})


def test_values_without_a_meaning_are_refused() -> None:
    with pytest.raises(UserError, match="gamma=-1 must be a finite number of at least 0"):
        COMPOSITES["bermudez2022"].tuned(gamma=-1)
    with pytest.raises(UserError, match="eps=0 must be above 0"):
        COMPOSITES["bermudez2022"].tuned(eps=0)


class Own(Rule):
    """A rule as a user writes it, without dataclass."""

    needs_input = False

    def __call__(self, visit: Visit) -> Tensor:
        return visit.like.new_ones(visit.like.shape)


@pytest.mark.parametrize("bias", [None, *BIASES])
def test_rules_need_not_be_dataclasses(bias: str | None) -> None:
    model: nn.Module = Functional()
    engine = LRP(model, ZPLUS.override((At(0), Own())), bias=bias)
    assert isinstance(engine.plan.rules[1], Own)


def test_composites_are_values() -> None:
    assert ZPLUS.override((At(0), Flat())) == ZPLUS.override((At(0), Flat()))
    assert ZPLUS.with_bias("ignore") == ZPLUS  # what the preset says anyway
