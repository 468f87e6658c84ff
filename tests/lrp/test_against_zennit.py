"""Composites that zennit (Anders et al. 2021) has, too, give what it gives: on VGG-11 and, canonized, on ResNet-18."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import pytest
import torch
import zennit.composites
from torch import Tensor, nn
from torchvision.models import resnet18
from torchvision.models.vgg import VGG, cfgs, make_layers
from zennit.attribution import Gradient
from zennit.composites import LayerMapComposite, layer_map_base
from zennit.layer import Sum
from zennit.rules import AlphaBeta, Epsilon, Norm, ZPlus
from zennit.torchvision import ResNetCanonizer
from zennit.types import Linear

from relprop import LRP
from relprop.lrp import COMPOSITES
from relprop.lrp.splits import Signed
from tests.golden_files import relative_error, tensors
from tests.networks import randomize_batchnorm
from tests.slim import narrowed

TOLERANCE = 1e-4
CLEARLY_ABOVE = 100 * TOLERANCE
CLASSES = 10
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# ε at additions is lost there, and here it belongs to both sides alike: small enough for both to be the same.
ADDITION_EPS = 1e-12


def everywhere(rule: Any, layer_map: Any, **options: Any) -> Any:
    """One rule in all convolutions and linear layers."""
    return LayerMapComposite([*layer_map, *layer_map_base(), (Linear, rule)], **options)


def box(**options: Any) -> Any:
    mean, std = (torch.tensor(values, dtype=torch.float64).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    return zennit.composites.EpsilonGammaBox(low=(0 - mean) / std, high=(1 - mean) / std, **options)


# By our name: zennit's composite. It has one more, BetaSmooth, whose derivative is that of no ReLU.
EQUALS: Mapping[str, Callable[..., Any]] = {
    **{name: composite for name, composite in zennit.composites.COMPOSITES.items() if name != "beta_smooth"},
    "epsilon_gamma_box": box,
    "excitation_backprop": partial(zennit.composites.ExcitationBackprop, zero_params=["bias"]),
    "epsilon": partial(everywhere, Epsilon()),
    "zplus": partial(everywhere, ZPlus(zero_params=["bias"])),
    "alpha1_beta0": partial(everywhere, AlphaBeta(alpha=1, beta=0)),
    "alpha2_beta1": partial(everywhere, AlphaBeta()),
    "gradient": LayerMapComposite,
}


@cache
def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return {"vgg11": vgg, "resnet18": resnet}[name]().double().eval()


def vgg() -> nn.Module:
    """torchvision's VGG-11, narrow, with a small head in the place of 120 million weights, and biases everywhere."""
    with torch.device("meta"):
        model = VGG(nn.Sequential(), init_weights=False)
    model.features = make_layers([layer if isinstance(layer, str) else layer // 4 for layer in cfgs["A"]])
    model.classifier = nn.Sequential(nn.Linear(128 * 7 * 7, 64), nn.ReLU(True), nn.Dropout(), nn.Linear(64, CLASSES))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
    return model


def resnet() -> nn.Module:
    """torchvision's ResNet-18, narrow. zennit folds batch norm and leaves it in place, where ε counts again."""
    model = randomize_batchnorm(narrowed(resnet18(num_classes=CLASSES)))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
    return model


def images() -> Tensor:
    return tensors("inputs")["x32"][:2].double()


@cache
def theirs(model: str, name: str) -> Tensor:
    """zennit's attribution, from the start of our composite of that name at the predicted class."""
    values = {"one": torch.ones_like, "logit": lambda y: y, "probability": lambda y: y.softmax(1)}
    start = values[COMPOSITES[name].start]
    additions = [] if COMPOSITES[name].gate == "derivative" else [(Sum, Norm(stabilizer=ADDITION_EPS))]
    composite = EQUALS[name](layer_map=additions, canonizers=[ResNetCanonizer()] if model == "resnet18" else [])
    with Gradient(model=network(model), composite=composite) as attributor:
        _, attribution = attributor(
            images(), lambda y: (start(y) * nn.functional.one_hot(y.argmax(1), CLASSES)).detach()
        )
    return attribution


def error(model: str, name: str, **options: Any) -> float:
    """The error of our composite against zennit's, with the options that make them equal but for these."""
    skip = None if COMPOSITES[name].gate == "derivative" else Signed(ADDITION_EPS)
    equal = {"skip": skip, "bn": "fold", "mean": MEAN, "std": STD, "dtype": "float64"}
    engine = LRP(network(model), name, **{**equal, **options})
    return relative_error(engine.attribute(images()), theirs(model, name))


@pytest.mark.parametrize("name", EQUALS)
@pytest.mark.parametrize("model", ["vgg11", "resnet18"])
def test_agrees(model: str, name: str) -> None:
    assert error(model, name) <= TOLERANCE


@pytest.mark.parametrize(
    ("model", "name", "options"),
    [
        ("vgg11", "zplus", {"bias": "absorb"}),
        ("vgg11", "epsilon_plus", {"bias": "ignore"}),
        ("vgg11", "epsilon_gamma_box", {"std": (0.3, 0.3, 0.3)}),
        ("vgg11", "epsilon_plus", {"start": "one"}),
        ("resnet18", "epsilon_plus", {"bn": "pass"}),
        ("resnet18", "epsilon_plus", {"skip": "gamma"}),
        ("resnet18", "guided_backprop", {"skip": "residual_only"}),
    ],
)
def test_agreement_is_no_accident(model: str, name: str, options: dict[str, Any]) -> None:
    """Another value of any one option is seen."""
    assert error(model, name, **options) > CLEARLY_ABOVE
