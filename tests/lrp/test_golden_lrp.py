"""The engine gives what the published codes give, in one batch and image by image.

Which networks there are is read from the keys of the files; see the README in the folder of golden tensors.
"""

from functools import cache

import pytest
import torch
from torch import Tensor

from relprop import LRP
from relprop.data.base import IMAGENET_MEAN, IMAGENET_STD
from relprop.lrp import COMPOSITES, Composite, OfKind, Patterns, fit_patterns
from relprop.lrp.pooling import WinnerTakesAll
from relprop.lrp.presets import POOLING
from relprop.lrp.rules import AlphaBeta, Epsilon, Flat, Gamma, Zero
from tests.golden_files import keys, network, relative_error, tensors

TOLERANCE = 1e-4
LEAST_COSINE = 0.9999
WEIGHTED, MAXPOOL, AVGPOOL = OfKind("conv", "linear"), OfKind("maxpool"), OfKind("avgpool")
KINDS = {"all": "all", "pos": "positive"}
# TorchLRP has no stabilizer to speak of in the αβ rules.
TORCHLRP = {
    "epsilon": Epsilon(eps=0.1),
    "alpha1beta0": AlphaBeta("ignore", alpha=1.0, beta=0.0, eps=1e-9),
    "alpha2beta1": AlphaBeta("ignore", alpha=2.0, beta=1.0, eps=1e-9),
}
PATTERN_COMPOSITES = {"patternnet": "pattern_net", "patternattribution": "pattern_attribution"}
BERMUDEZ2022: dict[str, str | Composite] = {
    "zero": Composite("", ((WEIGHTED, Zero()), *POOLING), start="logit"),
    "epsilon": Composite("", ((WEIGHTED, Epsilon(eps=1e-3, signed=False)), *POOLING), start="logit"),
    "tutorial": "bermudez2022",
}
# The same, of rules that begin with other values.
TUNED = {
    "zero": Composite("", ((WEIGHTED, Gamma(gamma=9.0)), *POOLING), start="logit").tuned(gamma=0),
    "epsilon": Composite("", ((WEIGHTED, Epsilon(eps=9.0, signed=False)), *POOLING), start="logit").tuned(eps=1e-3),
    "tutorial": COMPOSITES["bermudez2022"].tuned(gamma=9.0, eps=9.0).tuned(gamma=0.25, eps=0.25),
}


def heatmap_keys(name: str) -> list[str]:
    return [key for key in keys(name) if not key.endswith(".logits")]


def rule_keys(name: str) -> list[str]:
    """The keys NET.RULE; the others hold patterns, logits and pixel flipping."""
    found = [key for key in keys(name) if not key.startswith(("patterns_", "pixel_flipping."))]
    return [key for key in found if "." in key]


def networks(name: str) -> list[str]:
    """The networks that the keys NET.RULE name."""
    return sorted({key.partition(".")[0] for key in rule_keys(name)})


def images_for(expected: Tensor) -> Tensor:
    return tensors("inputs")[f"x{expected.shape[-1]}"]


def check(engine: LRP, expected: Tensor) -> None:
    images = images_for(expected)
    batch, singly = engine.attribute(images), torch.cat([engine.attribute(image.unsqueeze(0)) for image in images])
    for result in (batch, singly):
        assert relative_error(result.sum(1) if expected.dim() == 3 else result, expected) <= TOLERANCE


@pytest.mark.parametrize("key", heatmap_keys("otsuki2024"))
def test_otsuki2024(key: str) -> None:
    name, skip, kept = key.split(".", 2)
    engine = LRP(network(name), composite="otsuki2024", skip=skip, relevance_filter=float(kept.removeprefix("filter")))
    check(engine, tensors("otsuki2024")[key])


@pytest.mark.parametrize("key", heatmap_keys("fischer2021"))
def test_fischer2021(key: str) -> None:
    name, kept = key.split(".", 1)
    share = float(kept.removeprefix("filter"))
    engine = LRP(network(name), composite="fischer2021", relevance_filter=share or 1.0)  # 0.0 is off there
    check(engine, tensors("fischer2021")[key])


@pytest.mark.parametrize("key", [key for key in keys("otsuki2024") if key.endswith(".logits")])
def test_forward_pass_gives_the_logits(key: str) -> None:
    engine = LRP(network(key.removesuffix(".logits")), composite="otsuki2024", start="logit")
    expected = tensors("otsuki2024")[key]
    start = list(engine.trace(tensors("inputs")["x64"]).values())[-1]
    torch.testing.assert_close(start.sum(1), expected.max(1).values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("key", [key for key in rule_keys("torchlrp") if ".pattern" not in key])
def test_torchlrp(key: str) -> None:
    name, rule = key.split(".")
    rules = ((WEIGHTED, TORCHLRP[rule]), (MAXPOOL, WinnerTakesAll()), (AVGPOOL, Flat()))
    check(LRP(network(name), Composite("", rules, start="one")), tensors("torchlrp")[key])


@cache
def fitted(name: str, kind: str) -> Patterns:
    """Patterns of the network, from batches of different sizes."""
    images = tensors("inputs")["fit32"]
    return fit_patterns(network(name), images.split([3, 1, len(images) - 4]), kind=KINDS[kind])


@pytest.mark.parametrize("kind", sorted({key.partition(".")[0] for key in keys("torchlrp") if key[:9] == "patterns_"}))
def test_patterns_of_torchlrp(kind: str) -> None:
    (name,) = networks("torchlrp")
    values = list(fitted(name, kind.removeprefix("patterns_")).values.values())
    assert len(values) == sum(key.startswith(f"{kind}.") for key in keys("torchlrp"))
    for index, value in enumerate(values):
        expected = tensors("torchlrp")[f"{kind}.{index}"]
        assert value.shape == expected.shape
        assert relative_error(value.unsqueeze(0), expected.unsqueeze(0)) <= TOLERANCE, index


@pytest.mark.parametrize("key", [key for key in rule_keys("torchlrp") if ".pattern" in key])
def test_pattern_attributions_of_torchlrp(key: str) -> None:
    """They are scaled per layer and image there, so that only the direction says something."""
    name, method, kind = key.split(".")
    expected = tensors("torchlrp")[key]
    engine = LRP(network(name), PATTERN_COMPOSITES[method], patterns=fitted(name, kind))
    result = engine.attribute(images_for(expected))
    assert torch.cosine_similarity(result.flatten(1), expected.flatten(1)).min() >= LEAST_COSINE


@pytest.mark.parametrize("rules", [BERMUDEZ2022, TUNED], ids=["as they are", "tuned"])
@pytest.mark.parametrize("key", rule_keys("bermudez2022"))
def test_bermudez2022(key: str, rules: dict[str, str | Composite]) -> None:
    name, rule = key.split(".")
    check(LRP(network(name), rules[rule], mean=IMAGENET_MEAN, std=IMAGENET_STD), tensors("bermudez2022")[key])
