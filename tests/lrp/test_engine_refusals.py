"""Options, models and input that the engine refuses, each with what was given and what is accepted."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relprop import LRP
from relprop.errors import UserError
from relprop.lrp import (
    BIASES,
    COMPOSITES,
    DTYPES,
    GATES,
    MEMORY_FORMATS,
    SPLITS,
    STARTS,
    Composite,
    Named,
    OfKind,
    UnsupportedOperationError,
    fit_patterns,
)
from relprop.lrp.gradients import GuidedReLU
from relprop.lrp.pooling import WinnerTakesAll
from relprop.lrp.rules import Flat, ZBox, ZPlus
from tests.networks import Functional, network_of


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Functional().eval()


REGISTRIES = {
    "composite": COMPOSITES,
    "skip": SPLITS,
    "gate": GATES,
    "start": STARTS,
    "bias": BIASES,
    "bn": ("pass", "fold"),
    "dtype": DTYPES,
    "memory_format": MEMORY_FORMATS,
}


@pytest.mark.parametrize("option", REGISTRIES)
def test_unknown_names_are_refused_with_the_list(option: str, model: nn.Module) -> None:
    with pytest.raises(UserError) as caught:
        LRP(model, **{option: "nope"})
    assert str(caught.value) == f"{option}=nope is unknown; choose one of: {', '.join(REGISTRIES[option])}"


@pytest.mark.parametrize("share", [0.0, 1.5, -0.1, float("nan")])
def test_a_filter_that_keeps_nothing_or_more_than_all_is_refused(share: float, model: nn.Module) -> None:
    with pytest.raises(UserError, match=f"relevance_filter={share} must be above 0 and at most 1"):
        LRP(model, relevance_filter=share)


def composite_of(*rules: Any) -> Composite:
    return Composite("made up", rules)


MAX, AVERAGE = (OfKind("maxpool"), WinnerTakesAll()), (OfKind("avgpool"), ZPlus())
COMPOSED = [
    (composite_of((OfKind("conv"), ZPlus()), MAX, AVERAGE), r"head: .*no rule for linear steps; add one with .*linear"),
    (composite_of((OfKind("conv", "linear"), ZPlus()), AVERAGE), "maxpool2d: .*no rule for maxpool steps; add one"),
    (COMPOSITES["zplus"].override((OfKind("maxpool"), ZPlus())), "maxpool2d: ZPlus.* is no rule for maxpool steps"),
    (COMPOSITES["zplus"].override((OfKind("conv"), GuidedReLU())), "stem: GuidedReLU.* is no rule for conv.*relu"),
    (
        COMPOSITES["zplus"].override((Named("stem2"), Flat())),
        "stem2.* fits no step; conv and linear layers: stem, down",
    ),
    (COMPOSITES["zplus"].override((Named("stem"), ZBox())), "stem: the rule ZBox needs .*mean=…, std=…"),
    *((name, "stem has no pattern; .*fit_patterns") for name in ("pattern_net", "pattern_attribution")),
]


@pytest.mark.parametrize(("composite", "message"), COMPOSED)
def test_composites_that_do_not_fit_the_network_are_refused(
    composite: str | Composite, message: str, model: nn.Module
) -> None:
    with pytest.raises(UserError, match=message):
        LRP(model, composite)


def test_composites_with_a_box_are_refused_without_one(model: nn.Module) -> None:
    boxed = [name for name, made in COMPOSITES.items() if any(isinstance(rule, ZBox) for _, rule in made.rules)]
    assert boxed
    for name in boxed:
        with pytest.raises(UserError, match="stem: the rule ZBox needs the range of the pixels; give LRP"):
            LRP(model, name)
        with pytest.raises(UserError, match="stem takes 3 channels; mean and std have 2 numbers"):
            LRP(model, name, mean=(0.5, 0.5), std=(0.5, 0.5))


@pytest.mark.parametrize(
    ("mean", "std"), [((0.5,) * 3, None), (None, (0.5,) * 3), ((0.5,) * 3, (0.5,) * 2), ((0.5,), (0.0,))]
)
def test_half_a_normalisation_is_refused(mean: Any, std: Any, model: nn.Module) -> None:
    with pytest.raises(UserError, match=r"mean=.*, std=.*: both or none must be given"):
        LRP(model, mean=mean, std=std)


def test_patterns_of_another_network_or_treatment_are_refused(model: nn.Module) -> None:
    patterns = fit_patterns(model, [torch.randn(2, 3, 16, 16)])
    with pytest.raises(UserError, match="bn=fold, but the patterns were fitted with bn=pass; choose the same"):
        LRP(model, "pattern_net", patterns=patterns, bn="fold")
    with pytest.raises(UserError, match="stem: the pattern is .* patterns are those of another network"):
        LRP(network_of(), "pattern_net", patterns=patterns)


def test_logits_that_do_not_depend_on_the_image_are_refused() -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.ones(1, 2))

        def forward(self, x: Tensor) -> Tensor:
            return 2 * self.logits

    with pytest.raises(UserError, match="no way for relevance from the logits to the image"):
        LRP(Constant())


WEIGHTS = ["stem.weight", "stem.bias", "norm.weight", "norm.running_mean", "norm.running_var", "head.bias"]


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_nan_and_infinite_weights_are_refused_by_name(name: str, value: float) -> None:
    model = Functional()
    model.state_dict()[name].view(-1)[0] = value
    with pytest.raises(UserError, match=f"^{name} contains NaN or infinite values"):
        LRP(model)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (torch.zeros(3, 16, 16), r"floating-point tensor \(N, C, H, W\), not torch.float32 \(3, 16, 16\)"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), r"floating-point tensor \(N, C, H, W\), not torch.uint8"),
        (torch.zeros(1, 4, 16, 16), "images have 4 channels; the network takes 3"),
        (torch.zeros(0, 3, 16, 16), "empty batch"),
        (torch.full((2, 3, 16, 16), torch.nan), r"images \[0, 1\] contain NaN"),
        ([torch.zeros(3, 16, 16)], r"floating-point tensor \(N, C, H, W\), not list"),
        (torch.zeros(1, 3, 1, 1), r"^maxpool2d cannot take its input \(1, 8, 1, 1\), from images \(1, 3, 1, 1\)"),
    ],
)
@pytest.mark.parametrize("method", ["attribute", "trace", "audit"])
def test_bad_images_are_refused(bad: Any, message: str, method: str, model: nn.Module) -> None:
    with pytest.raises(UserError, match=message):
        getattr(LRP(model), method)(bad)


def test_the_images_with_nan_or_infinite_pixels_are_named(model: nn.Module) -> None:
    images = torch.zeros(4, 3, 16, 16)
    images[1, 2, 3, 4], images[3, 0, 0, 0] = torch.nan, -torch.inf
    with pytest.raises(UserError, match=r"images \[1, 3\] contain NaN or infinite pixels"):
        LRP(model).attribute(images)


def test_images_too_large_for_a_dense_layer_name_it() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 36, 4))
    LRP(model).attribute(torch.randn(1, 3, 8, 8))
    with pytest.raises(UserError, match=r"^2 cannot take its input \(1, 128\), from images \(1, 3, 10, 10\)"):
        LRP(model).attribute(torch.randn(1, 3, 10, 10))


@pytest.mark.parametrize("size", [(2, 7), (2, 3, 6)])
def test_features_that_a_dense_network_does_not_take(size: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"0 cannot take its input|logits \(N, classes\), not \(2, 3, 3\)"):
        LRP(nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))).attribute(torch.randn(size))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (10, r"must be in 0…9, not \[10, 10, 10\]"),
        (-1, "must be in 0…9"),
        (torch.tensor([0, 1, 10]), r"must be in 0…9, not \[0, 1, 10\]"),
        (torch.tensor([0, 1]), r"one class for each of the 3 images, not \(2,\)"),
        (torch.tensor([[0], [1], [2]]), r"one class for each of the 3 images, not \(3, 1\)"),
        (torch.tensor([0.0, 1.0, 2.0]), "must be class indices .*not torch.float32"),
        (1.0, "must be class indices .*not torch.float32"),
        (torch.tensor([True, False, True]), "must be class indices .*not torch.bool"),
    ],
)
def test_bad_targets_are_refused(target: Any, message: str, model: nn.Module) -> None:
    with pytest.raises(UserError, match=message):
        LRP(model).attribute(torch.randn(3, 3, 16, 16), target)


@pytest.mark.parametrize("options", [{"composite": "nope"}, {"start": "nope"}, {"composite": COMPOSED[1][0]}, {}])
def test_every_refusal_is_a_value_error_of_one_line(options: dict[str, Any], model: nn.Module) -> None:
    assert issubclass(UnsupportedOperationError, UserError) and issubclass(UserError, ValueError)
    with pytest.raises(ValueError, match=".") as caught:
        LRP(model, **options).attribute(torch.zeros(1, 3, 1, 1))
    assert len(str(caught.value).splitlines()) == 1
