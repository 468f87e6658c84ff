"""Every rule against a literal form of its formula (`literal.py`), through the engine, to 1e-9 in float64."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from relprop.errors import UserError
from relprop.lrp import LRP, Composite, Named, OfKind
from relprop.lrp.rules import AlphaBeta, Epsilon, Gamma, Pass, Stop, ZBox
from tests.lrp.layers import LAYERS, Bench, bench, proportional_rules
from tests.lrp.literal import FORMULAS, Case, propagated

# A warning of torch's own, from the layers that the matrices are made of.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
TOLERANCE = 1e-9
SEEDS = range(2)


def wrong(bench: Bench, images: Tensor, layer: nn.Module) -> list[str]:
    """The rules by which the engine and the literal formulas for `layer` do not agree."""
    mean, std = (torch.tensor(v, dtype=torch.float64).view(-1, *[1] * (images.dim() - 2)) for v in bench.box)
    lowest, highest = (((pixel - mean) / std).expand(images.shape[1:]).flatten() for pixel in (0, 1))
    case, behind = (Case(layer, a, lowest, highest) for a in (images, images.clamp(min=0)))
    found = []
    for one in bench.explain(images):
        expected = propagated(one.rule, behind if one.relu else case, one.outputs)
        error = (one.inputs.flatten(1) - expected).abs().max() / expected.abs().max()
        if not error <= TOLERANCE:
            found.append(f"{one.rule}{' behind a ReLU' if one.relu else ''}: {error:.1e}")
    return found


def test_every_rule_has_a_literal_form() -> None:
    assert set(proportional_rules()) == set(FORMULAS)


@pytest.mark.parametrize("name", LAYERS)
def test_every_rule_gives_what_its_formula_says(name: str) -> None:
    for seed in SEEDS:
        images = bench(name).draw(seed)
        assert wrong(bench(name), images, bench(name).layer) == [], f"seed {seed}"


@pytest.mark.parametrize("name", LAYERS)
def test_what_no_input_gets_is_accounted_for(name: str) -> None:
    """With "distribute" nothing is lost but the relevance of neurons that have no input."""
    images = bench(name).draw(0)
    joined = Case(bench(name).layer, images, images, images).w(torch.ones_like).sum(1) > 0
    for one, row in zip(bench(name).explain(images), bench(name).audit(images), strict=True):
        scale = TOLERANCE * one.outputs.abs().sum().item()
        assert row.relevance_out == pytest.approx(one.outputs.sum().item(), abs=scale)
        assert row.relevance_in == pytest.approx(one.inputs.sum().item(), abs=scale)
        assert row.relevance_in + row.lost == pytest.approx(row.relevance_out, abs=scale), one.rule
        if getattr(one.rule, "bias", "") == "distribute":
            stranded = one.outputs.flatten(1)[:, ~joined].sum().item()
            assert row.lost == pytest.approx(stranded, abs=scale), one.rule


@pytest.mark.parametrize("bn", ["pass", "fold"])
@pytest.mark.parametrize(
    ("build", "norm", "shape"),
    [
        (lambda: nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4, affine=False), (2, 4, 3)),
        (lambda: nn.ConvTranspose1d(2, 3, 3, stride=2, bias=False), nn.BatchNorm1d(3), (2, 4)),
        (lambda: nn.Linear(6, 5), nn.BatchNorm1d(5), (6,)),
    ],
)
def test_rules_see_the_layer_with_its_batch_norm_or_without(
    build: Any, norm: nn.Module, shape: tuple[int, ...], bn: str
) -> None:
    layer = build()
    for value in (norm.running_mean, norm.running_var, *norm.parameters()):
        nn.init.uniform_(value, 0.5, 2.0)
    both = Bench(layer, shape, norm, bn=bn)
    images = both.draw(0)
    if bn == "fold" and isinstance(layer, nn.Linear):
        layer = fuse_linear_bn_eval(layer, norm)
    elif bn == "fold":
        layer = fuse_conv_bn_eval(layer, norm, transpose=isinstance(layer, nn.ConvTranspose1d))
    assert wrong(both, images, layer) == []


@pytest.mark.parametrize("name", ["conv", "strided", "transposed", "linear", "average", "mean"])
@pytest.mark.parametrize("weight", [1.0, -1.0])
def test_a_black_image_gives_no_relevance_and_no_nan(name: str, weight: float) -> None:
    """0/0 = 0, also where weights of one sign leave nothing of a part of the rule."""
    images = torch.zeros_like(bench(name).draw(0))
    if hasattr(bench(name).layer, "weight"):
        nn.init.constant_(bench(name).layer.weight, weight)
    for one in bench(name).explain(images):
        assert one.inputs.isfinite().all(), one.rule
        if one.rule.needs_input and not isinstance(one.rule, ZBox) and getattr(one.rule, "bias", "") != "distribute":
            assert not one.inputs.any(), one.rule


def test_zbox_knows_the_channels_of_a_flattened_image() -> None:
    conv = nn.Conv2d(3, 4, (2, 5), dtype=torch.float64)
    dense = nn.Linear(30, 4, dtype=torch.float64)
    dense.load_state_dict({"weight": conv.weight.detach().flatten(1), "bias": conv.bias.detach()})
    images = torch.rand(2, 3, 2, 5, dtype=torch.float64)
    convolved, flattened = (
        LRP(
            nn.Sequential(*layers),
            Composite("", ((OfKind("conv", "linear"), ZBox()),)),
            dtype="float64",
            mean=(0.3, 0.4, 0.5),
            std=(0.2, 0.3, 0.4),
        ).attribute(images)
        for layers in ((conv, nn.Flatten()), (nn.Flatten(), dense))
    )
    torch.testing.assert_close(flattened, convolved, rtol=TOLERANCE, atol=TOLERANCE)


def test_pass_hands_on_everything_and_stop_nothing() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    images = torch.rand(1, 2, 4, 4)
    composite = Composite("", ((Named("1"), Pass()), (Named("0"), Stop()), (OfKind("linear"), Epsilon())))
    trace = LRP(model, composite).trace(images)
    assert torch.equal(trace["1"], trace["0"]) and trace["0"].any()
    assert torch.equal(trace["input"], torch.zeros_like(images))
    row = LRP(model, composite).audit(images).rows[-1]
    assert (row.relevance_in, row.absorbed) == (0, {"stop": pytest.approx(trace["0"].sum().item())})


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (Epsilon, {"bias": "nope"}, "bias=nope is unknown; choose one of: absorb, ignore, distribute"),
        (Gamma, {"gamma": -0.1}, "gamma=-0.1 must be a finite number of at least 0"),
        (Gamma, {"gamma": float("inf")}, "gamma=inf must be a finite number"),
        (Gamma, {"gamma": float("nan")}, "gamma=nan must be a finite number"),
        (AlphaBeta, {"alpha": 2.0, "beta": 0.5}, "α − β must be 1"),
        (AlphaBeta, {"alpha": 0.0, "beta": -1.0}, "β must not be negative"),
    ],
)
def test_options_without_a_meaning_are_refused(rule: type, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        rule(**options)


def test_zbox_needs_the_range_of_the_pixels() -> None:
    with pytest.raises(
        UserError, match=r"0: the rule ZBox needs the range of the pixels; give LRP\(…, mean=…, std=…\)"
    ):
        LRP(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), Composite("", ((OfKind("conv"), ZBox()),)))
