"""The composites by name."""

import pytest
import torch
from torch import Tensor, nn

from relprop import LRP
from relprop.lrp import COMPOSITES, SPLITS, STARTS, fit_patterns, list_composites
from relprop.lrp.graph import WEIGHTED
from relprop.lrp.rules import Flat, ZBox, ZPlusOnes


@pytest.fixture(scope="module")
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.rand(3, 3, 16, 16)


def engine_of(composite: str, model: nn.Module, images: Tensor, **options: object) -> LRP:
    return LRP(model, composite, mean=[0.5] * 3, std=[0.5] * 3, patterns=fit_patterns(model, [images]), **options)


def test_list_composites_is_the_registry_in_order() -> None:
    assert list_composites() == sorted(COMPOSITES)


@pytest.mark.parametrize("composite", COMPOSITES)
def test_presets_say_where_they_are_from_and_choose_what_exists(composite: str) -> None:
    made = COMPOSITES[composite]
    assert any(word.strip(",;").isdigit() and len(word.strip(",;")) == 4 for word in made.source.split())  # the year
    assert made.start in STARTS
    assert made.skip in SPLITS


@pytest.mark.parametrize("composite", COMPOSITES)
def test_presets_explain_any_network(composite: str, model: nn.Module, images: Tensor) -> None:
    attribution = engine_of(composite, model, images).attribute(images)
    assert attribution.shape == images.shape
    assert attribution.isfinite().all()
    assert (attribution.abs().flatten(1).sum(1) > 0).all()


@pytest.mark.parametrize("composite", COMPOSITES)
def test_presets_account_for_all_relevance_or_are_gradients(composite: str, model: nn.Module, images: Tensor) -> None:
    engine = engine_of(composite, model, images, dtype="float64")
    if engine.composite.gate == "derivative":
        assert SPLITS[engine.composite.skip].copies
    else:
        assert engine.audit(images).error <= 1e-6


FIRST = {"otsuki2024": ZPlusOnes, "fischer2021": ZPlusOnes, "bermudez2022": ZBox}


@pytest.mark.parametrize("composite", COMPOSITES)
def test_the_first_layer_has_its_own_rule_where_the_name_says_so(
    composite: str, model: nn.Module, images: Tensor
) -> None:
    engine = engine_of(composite, model, images)
    layers = [step for step in engine.graph.steps if step.kind in WEIGHTED]
    first, *others = (type(engine.plan.rules[step.index]) for step in layers)
    ends = {"flat": Flat, "box": ZBox}
    expected = FIRST.get(composite, ends.get(composite.rpartition("_")[2]))
    if expected is not None:
        assert first is expected
        assert expected not in others


def test_gradient_x_input_is_the_gradient_times_the_input(model: nn.Module, images: Tensor) -> None:
    gradient, product = (LRP(model, name).attribute(images, 1) for name in ("gradient", "gradient_x_input"))
    torch.testing.assert_close(product, gradient * images)
