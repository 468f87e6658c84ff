"""What the engine gives: attribution, trace, the picture of itself; targets, starts, and the ways to compute."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from relprop import LRP
from relprop.lrp import COMPOSITES, DTYPES, MEMORY_FORMATS, SPLITS, STARTS, fit_patterns
from relprop.lrp.graph import NO_RELEVANCE
from relprop.lrp.start import keep_largest
from relprop.models import build_model
from tests.networks import PreActivation, dimensional, network_of, randomize_batchnorm

BOX = {"mean": (0.5,) * 3, "std": (0.5,) * 3}


def test_target(model: nn.Module, images: Tensor) -> None:
    engine = LRP(model)
    predicted = model(images).argmax(1)
    torch.testing.assert_close(engine.attribute(images), engine.attribute(images, predicted))
    for same in (torch.tensor([3, 3, 3]), torch.tensor(3), torch.tensor([3, 3, 3], dtype=torch.uint8), [3, 3, 3]):
        torch.testing.assert_close(engine.attribute(images, 3), engine.attribute(images, same))
    assert not torch.allclose(engine.attribute(images, 3), engine.attribute(images, 4))
    mixed = engine.attribute(images, torch.tensor([1, 2, 1]))
    torch.testing.assert_close(mixed[1:2], engine.attribute(images[1:2], 2))


@pytest.mark.parametrize("start", STARTS)
def test_start(start: str, model: nn.Module, images: Tensor) -> None:
    logits = model(images).detach()
    first = list(LRP(model, start=start).trace(images, 2).values())[-1]
    probabilities = logits.softmax(1)
    expected = {
        "probability": probabilities[:, 2],
        "softmax": torch.ones(3),
        "logit": logits[:, 2],
        "one": torch.ones(3),
    }
    torch.testing.assert_close(first.sum(1), expected[start])
    assert ((first != 0).sum(1) == (10 if start == "softmax" else 1)).all()


@pytest.mark.parametrize("composite", COMPOSITES)
def test_start_and_skip_are_the_composites_unless_given(composite: str, model: nn.Module, images: Tensor) -> None:
    made = COMPOSITES[composite]
    options = {**BOX, "patterns": fit_patterns(model, [images])}
    default = LRP(model, composite, **options)
    said = LRP(model, made, skip=made.skip, start=made.start, **options)
    assert torch.equal(default.attribute(images), said.attribute(images))
    assert default.split is SPLITS[made.skip]


def test_trace_holds_every_step_and_conserves() -> None:
    torch.manual_seed(0)
    engine = LRP(build_model("vgg11_bn", num_classes=10, image_size=32), composite="zplus", start="one")
    images = torch.randn(2, 3, 32, 32)
    steps = engine.trace(images)
    assert list(steps) == [step.name for step in engine.graph.steps]
    assert torch.equal(steps["input"], engine.attribute(images))
    for name, relevance in steps.items():
        assert relevance.flatten(1).sum(1).tolist() == pytest.approx([1, 1], rel=1e-3), name


@pytest.mark.parametrize("skip", SPLITS)
def test_trace_leaves_out_what_no_relevance_reaches(skip: str, images: Tensor) -> None:
    gated = network_of(lambda b, x: b.conv(x) * torch.sigmoid(b.other(x)) * b.scale + b.other(x))
    engine = LRP(gated, skip=skip)
    rules = {step.name: engine.plan.describe(step) for step in engine.graph.steps}
    expected = [name for name, rule in rules.items() if rule not in ("no relevance", *NO_RELEVANCE)]
    assert list(engine.trace(images[:, :, :8, :8])) == expected
    assert [row.step for row in engine.audit(images[:, :, :8, :8]).rows] == expected[:0:-1]
    assert rules["block0.sigmoid"] == "no relevance"
    assert ("block0.conv" in expected) == (skip != "identity_only")
    assert ("block0.other:2" in expected) == (skip != "residual_only")


@pytest.mark.parametrize("composite", COMPOSITES)
def test_repr_shows_the_rule_of_every_step(composite: str, model: nn.Module, images: Tensor) -> None:
    engine = LRP(model, composite, **BOX, patterns=fit_patterns(model, [images]))
    head, *lines = repr(engine).splitlines()
    assert head == "LRP of Functional"
    assert [line.split()[0] for line in lines] == [step.name for step in engine.graph.steps]
    assert len({line.index("←") for line in lines}) == 1
    for step in engine.graph.steps:
        if step.index in engine.plan.rules:
            assert lines[step.index].endswith(f" ← {engine.plan.rules[step.index]}")


def test_repr_says_how_additions_and_gates_divide(model: nn.Module) -> None:
    text = repr(LRP(model, composite="otsuki2024"))
    assert "← ZPlusOnes(eps=1e-05)" in text
    assert "← FlowsSkip() of norm and identity pad" in text
    gated = repr(LRP(network_of(lambda b, x: b.conv(x) * torch.sigmoid(b.other(x)) + b.shift)))
    for line in ("mul ← all to block0.conv, the rest is its gate", "sigmoid ← no relevance", "other ← no relevance"):
        assert f"block0.{line}" in " ".join(gated.split())
    assert "block0.shift ← constant" in " ".join(gated.split())


def test_batchnorm_folded_or_passed() -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(resnet18(num_classes=5)).eval()
    images = torch.randn(2, 3, 64, 64)
    passed, folded = LRP(model, bn="pass").attribute(images), LRP(model, bn="fold").attribute(images)
    assert not torch.allclose(passed, folded)

    fused = copy.deepcopy(model)  # the same network without batch norm: then there is nothing to choose
    for module in list(fused.modules()):
        for name, child in list(module.named_children()):
            norm = {"conv1": "bn1", "conv2": "bn2", "0": "1"}.get(name)
            if isinstance(child, nn.Conv2d) and hasattr(module, norm):
                setattr(module, name, torch.nn.utils.fusion.fuse_conv_bn_eval(child, getattr(module, norm)))
                setattr(module, norm, nn.Identity())
    torch.testing.assert_close(LRP(fused, bn="pass").attribute(images), folded, rtol=1e-3, atol=1e-7)


def test_a_batchnorm_that_stands_alone_passes_relevance_on_either_way() -> None:
    torch.manual_seed(0)
    model, images = randomize_batchnorm(PreActivation()).eval(), torch.randn(2, 3, 8, 8)
    for bn in ("pass", "fold"):
        steps = LRP(model, bn=bn).trace(images)
        assert torch.equal(steps["norm:2"], steps["relu:2"])
    # "norm" belongs to "conv", where the choice makes a difference
    assert not torch.allclose(*(LRP(model, bn=bn).attribute(images) for bn in ("pass", "fold")))


def test_keep_largest() -> None:
    relevance = torch.tensor([[[4.0, -1.0], [3.0, 2.0]], [[0.0, 0.0], [5.0, -7.0]]])
    assert torch.equal(keep_largest(relevance, 0.5), torch.tensor([[[4.0, 0], [3, 0]], [[0, 0], [5, 0]]]))
    assert torch.equal(keep_largest(relevance, 0.01), torch.tensor([[[4.0, 0], [0, 0]], [[0, 0], [5, 0]]]))
    assert keep_largest(relevance, 1.0) is relevance


# LRP-ε divides by sums of either sign, however near zero: there, float32 itself is far off.
STABLE = [name for name in COMPOSITES if name != "epsilon" and not name.startswith("pattern")]


@pytest.mark.parametrize("composite", STABLE)
@pytest.mark.parametrize(("dtype", "correlation"), [("float64", 1 - 1e-9), ("bfloat16", 0.98), ("float16", 0.999)])
def test_dtype(composite: str, dtype: str, correlation: float, model: nn.Module, images: Tensor) -> None:
    options = {**BOX, "skip": "flows_skip"}
    expected = LRP(model, composite, **options).attribute(images)
    result = LRP(model, composite, **options, dtype=dtype).attribute(images)
    assert result.dtype == (torch.float64 if dtype == "float64" else torch.float32)
    pairs = zip(result.double().flatten(1), expected.double().flatten(1), strict=True)
    assert min(torch.corrcoef(torch.stack(pair))[0, 1] for pair in pairs) > correlation
    if dtype == "float64":
        difference = (result - expected).abs().amax((1, 2, 3))
        assert (difference <= 1e-5 * expected.abs().amax((1, 2, 3))).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("composite", STABLE)
def test_relevance_of_outputs_that_nothing_excites_is_finite(composite: str, dtype: str, images: Tensor) -> None:
    """The batch norm's shift alone makes the second layer's outputs positive: its input is zero everywhere."""
    torch.manual_seed(0)
    conv, other = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 64, 3, padding=1)
    nn.init.constant_(conv.bias, -100.0)
    layers = nn.Sequential(conv, nn.ReLU(), other, nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    nn.init.constant_(layers[3].bias, 10.0)
    model = nn.Sequential(layers, nn.Linear(64, 5)).eval()
    for relevance in LRP(model, composite, **BOX, dtype=dtype).trace(images).values():
        assert relevance.isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("composite", ["zplus", "otsuki2024", "gradient"])
def test_constants_take_part_in_every_dtype(composite: str, dtype: str, images: Tensor) -> None:
    model = network_of(lambda b, x: b.conv(x * b.scale) * torch.sigmoid(b.shift) + b.shift)
    images = images[:, :, :8, :8]
    expected, result = (LRP(model, composite, dtype=chosen).attribute(images) for chosen in ("float32", dtype))
    assert torch.corrcoef(torch.stack((result.flatten().float(), expected.flatten())))[0, 1] > 0.98


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("given", [torch.channels_last, torch.contiguous_format])
def test_memory_format_changes_nothing(
    memory_format: str, given: torch.memory_format, model: nn.Module, images: Tensor
) -> None:
    result = LRP(model, memory_format=memory_format).attribute(images.contiguous(memory_format=given))
    torch.testing.assert_close(result, LRP(model).attribute(images), rtol=1e-4, atol=1e-7)
    assert result.is_contiguous()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("composite", COMPOSITES)
def test_networks_in_any_dimensions(composite: str, dimensions: int) -> None:
    torch.manual_seed(0)
    model, images = dimensional(dimensions), torch.randn(2, 2, *[8] * dimensions)
    options = {"mean": (0.5,) * 2, "std": (0.5,) * 2, "patterns": fit_patterns(model, [images], "all")}
    engine = LRP(model, composite, **options, dtype="float64")
    attribution = engine.attribute(images)
    assert attribution.shape == images.shape
    assert attribution.isfinite().all() and attribution.abs().sum() > 0
    if engine.composite.gate != "derivative":
        assert engine.audit(images).error <= 1e-8


def test_networks_of_dense_layers() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    features = torch.randn(4, 6)
    for bn in ("pass", "fold"):
        assert LRP(randomize_batchnorm(model).eval(), bn=bn).audit(features).error <= 1e-5
    inputs = features.clone().requires_grad_()
    (expected,) = torch.autograd.grad(model(inputs)[:, 1].sum(), inputs)
    torch.testing.assert_close(LRP(model, "gradient").attribute(features, 1), expected)
    assert LRP(model).attribute(features).shape == features.shape


class Tokens(nn.Module):
    """A linear layer on (N, tokens, features), and a batch norm whose channels are the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.norm, self.head = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.dense(x)).mean(1))


def test_a_batchnorm_of_tokens_is_not_one_of_features() -> None:
    torch.manual_seed(0)
    model, tokens = randomize_batchnorm(Tokens()).eval(), torch.randn(2, 4, 4)
    start = list(LRP(model, start="softmax").trace(tokens).values())[-1]
    torch.testing.assert_close(start, model(tokens).softmax(1))
    with pytest.raises(ValueError, match="norm"):  # folding it into the layer would be wrong, silently
        LRP(model, bn="fold").attribute(tokens)
