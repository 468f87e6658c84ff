"""What captum (Kokhlikyan et al. 2020) computes, too, is the same: rules of LRP and gradients, on VGG-11.

captum's LRP does not see additions written as functions, `out += identity`, so that it is wrong on ResNets: VGG only.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
import torch
from captum import attr
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule
from torch import Tensor, nn

from relprop import LRP
from relprop.lrp import COMPOSITES, OfKind
from relprop.lrp.rules import Epsilon, Gamma, Norm, Rule, Zero, ZPlus
from tests.golden_files import relative_error
from tests.lrp.test_against_zennit import CLEARLY_ABOVE, MEAN, STD, TOLERANCE, images, network

GAMMA = 0.25
EPS = 1e-9  # captum's
GRADIENTS: Mapping[str, Callable[[nn.Module, Tensor, Tensor], Tensor]] = {
    "gradient": lambda model, x, target: attr.Saliency(model).attribute(x, target, abs=False),
    "gradient_x_input": lambda model, x, target: attr.InputXGradient(model).attribute(x, target),
    "guided_backprop": lambda model, x, target: attr.GuidedBackprop(model).attribute(x, target),
    "deconvnet": lambda model, x, target: attr.Deconvolution(model).attribute(x, target),
}
# Our rule of all layers and captum's. Those for inputs ≥ 0 do not look at the sign of the input.
RULES: Mapping[str, tuple[Rule, Callable[[], Any]]] = {
    "zero": (Zero(eps=EPS), EpsilonRule),
    "epsilon": (Epsilon(eps=0.01), lambda: EpsilonRule(0.01)),
    "zplus": (ZPlus(eps=EPS), lambda: Alpha1_Beta0_Rule(set_bias_to_zero=True)),
    "gamma": (Gamma("ignore", GAMMA, EPS), lambda: GammaRule(GAMMA, set_bias_to_zero=True)),
}


def pixels() -> Tensor:
    """The images before they are normalised: nowhere below zero."""
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    return (images() * std + mean).clamp(min=0)


def prediction(x: Tensor) -> Tensor:
    """Classes with the largest logit, which is above zero: captum's γ-rule does not ask for the sign of an output."""
    with torch.no_grad():
        largest, target = network("vgg11")(x).max(1)
    assert (largest > 0).all()
    return target


@cache
def theirs(name: str) -> Tensor:
    model, x = network("vgg11"), pixels()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.rule = RULES[name][1]()
    attribution: Tensor = attr.LRP(model).attribute(x.requires_grad_(), target=prediction(x))
    return attribution.detach()


def ours(rule: Rule) -> Tensor:
    composite = COMPOSITES["epsilon"].override((OfKind("conv", "linear"), rule), (OfKind("avgpool"), Norm(EPS)))
    return LRP(network("vgg11"), composite, dtype="float64").attribute(pixels())


@pytest.mark.parametrize("name", RULES)
def test_rules_agree(name: str) -> None:
    assert relative_error(ours(RULES[name][0]), theirs(name)) <= TOLERANCE


@pytest.mark.parametrize(
    ("name", "other"),
    [("epsilon", Epsilon(eps=0.02)), ("zplus", ZPlus("absorb")), ("gamma", Gamma("ignore", 2 * GAMMA, EPS))],
)
def test_agreement_of_rules_is_no_accident(name: str, other: Rule) -> None:
    """Another value of any one option is seen."""
    assert relative_error(ours(other), theirs(name)) > CLEARLY_ABOVE


@pytest.mark.filterwarnings("ignore:Setting .* hooks on ReLU activations")
@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_agree(name: str) -> None:
    x = images()
    expected = GRADIENTS[name](network("vgg11"), x.clone().requires_grad_(), prediction(x)).detach()
    assert relative_error(LRP(network("vgg11"), name, dtype="float64").attribute(x), expected) <= TOLERANCE
