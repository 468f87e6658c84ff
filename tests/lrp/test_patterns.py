"""Fitted patterns against slow literal ones, from batches and from files."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from relprop.errors import UserError
from relprop.lrp import LRP, Patterns, fit_patterns
from relprop.lrp.patterns import KINDS
from tests.networks import Functional, PreActivation, randomize_batchnorm

SIZES = (3, 1, 5, 2)  # of the batches
LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "conv": (nn.Conv2d(3, 4, 3, padding=1), (3, 6, 5)),
    "strided": (nn.Conv2d(2, 3, 3, stride=2, padding=1, dilation=2, bias=False), (2, 7, 8)),
    "grouped": (nn.Conv2d(4, 6, (3, 2), groups=2, padding=(1, 0)), (4, 5, 4)),
    "depthwise": (nn.Conv2d(3, 6, 3, groups=3), (3, 6, 5)),
    "reflect": (nn.Conv2d(2, 3, 3, padding=2, padding_mode="reflect"), (2, 5, 4)),
    "same, even": (nn.Conv2d(2, 3, (2, 4), padding="same"), (2, 5, 4)),
    "conv1d": (nn.Conv1d(3, 4, 3, padding=1, stride=2), (3, 9)),
    "conv3d": (nn.Conv3d(2, 3, 2), (2, 3, 4, 3)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (4, 3, 4)),
    "transposed1d": (nn.ConvTranspose1d(3, 2, 2, bias=False), (3, 6)),
    "linear": (nn.Linear(6, 4), (6,)),
    "linear on a sequence": (nn.Linear(5, 3, bias=False), (4, 5)),
}


def drawn(name: str) -> tuple[nn.Module, Tensor]:
    """The layer as a network, and images with a mean of their own in every place."""
    torch.manual_seed(0)
    layer, shape = LAYERS[name]
    return nn.Sequential(layer, nn.Flatten()), torch.randn(sum(SIZES), *shape) + torch.rand(shape)


def patches(layer: Any, images: Tensor) -> Iterator[Tensor]:
    """For every output channel all x that its weights meet, (patches, weights).

    An output is linear in the weights: the x of weight k is the output when w_k is 1 and all else is 0.
    """
    layer, count = copy.deepcopy(layer).double(), layer.weight.numel()
    layer.bias, met = None, []
    for k in range(count):
        layer.weight.data = torch.eye(count, dtype=torch.float64)[k].view_as(layer.weight)
        met.append(layer(images.double()).detach())
    channels = -1 if isinstance(layer, nn.Linear) else 2
    for x in torch.stack(met).unbind(channels):
        yield x.flatten(1).T


def literal(layer: Any, images: Tensor, positive: bool) -> Tensor:
    """p = cov(x, y) / wᵀ cov(x, y), one output after the other, in the shape of the weights."""
    w = layer.weight.detach().double().flatten()
    result = torch.zeros_like(w)
    for channel, x in enumerate(patches(layer, images)):
        y = x @ w
        z = y if layer.bias is None else y + layer.bias[channel].item()
        counts = z >= 0 if positive else torch.ones_like(z, dtype=torch.bool)
        if counts.any():
            covariance = (x[counts] * y[counts, None]).mean(0) - x[counts].mean(0) * y.mean()
            result += covariance / (w @ covariance)  # zero for the weights of other channels: they meet nothing here
    return result.view_as(layer.weight)


def close(result: Patterns, expected: Patterns) -> None:
    assert list(result.values) == list(expected.values)
    for name, value in expected.values.items():
        scale = value.abs().max().item()
        torch.testing.assert_close(result.values[name], value, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LAYERS)
def test_patterns_are_the_literal_ones(name: str, kind: str) -> None:
    model, images = drawn(name)
    result = fit_patterns(model, images.split(SIZES), kind=kind)
    expected = literal(model[0], images, KINDS[kind]).float()
    close(result, Patterns({"0": expected}, kind, "pass"))


@pytest.mark.parametrize("bn", ["pass", "fold"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("build", [Functional, PreActivation])
def test_many_batches_are_one(build: Any, kind: str, bn: str) -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(build()).eval()
    images = torch.randn(sum(SIZES), 3, 8, 8)
    many = fit_patterns(model, [(batch, "label") for batch in images.split(SIZES)], kind, bn)
    close(many, fit_patterns(model, [images], kind, bn))
    assert (many.kind, many.bn) == (kind, bn)


def test_fold_fits_to_outputs_behind_the_batch_norm() -> None:
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(3, 4, 3), randomize_batchnorm(nn.BatchNorm2d(4))
    model = nn.Sequential(conv, norm, nn.ReLU(), nn.Flatten()).eval()
    images = torch.randn(16, 3, 6, 6)
    passed, folded = (fit_patterns(model, [images], bn=bn).values["0"] for bn in ("pass", "fold"))
    for layer, result in ((conv, passed), (fuse_conv_bn_eval(conv.eval(), norm.eval()), folded)):
        expected = Patterns({"0": literal(layer, images, True).float()}, "positive", "")
        close(Patterns({"0": result}, "positive", ""), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pattern_of_a_constant_output_is_zero(kind: str) -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    patterns = fit_patterns(model, [torch.rand(3).expand(7, 3)], kind=kind)
    assert not patterns.values["0"].any()


def test_double_precision_is_kept_until_the_end() -> None:
    model, images = drawn("conv")
    single = fit_patterns(copy.deepcopy(model), [images])
    close(fit_patterns(copy.deepcopy(model).double(), [images.double()]), single)


def test_the_network_is_left_as_it_was() -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(Functional()).train()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    images = torch.randn(4, 3, 8, 8)
    training = fit_patterns(model, images.split(2))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert modes == [module.training for module in model.modules()]
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    close(training, fit_patterns(model.eval(), images.split(2)))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model, images = drawn("transposed")
    patterns = fit_patterns(model, [images], kind="all", bn="fold")
    for path in (tmp_path / "patterns.safetensors", str(tmp_path / "again.safetensors")):
        patterns.save(path)
        loaded = Patterns.load(path)
        assert (loaded.kind, loaded.bn) == ("all", "fold")
        assert loaded.values.keys() == patterns.values.keys()
        assert all(torch.equal(loaded.values[name], value) for name, value in patterns.values.items())


def test_other_files_are_refused(tmp_path: Path) -> None:
    text, weights = tmp_path / "text", tmp_path / "weights.safetensors"
    text.write_text("no patterns")
    save_file({"weight": torch.ones(1)}, weights)
    for path in (text, weights, tmp_path / "missing", tmp_path):
        with pytest.raises(UserError, match=f"{path.name} holds no patterns.*; make some with fit_patterns"):
            Patterns.load(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "nope"}, "kind=nope is unknown; choose one of: positive, all"),
        ({"bn": "nope"}, "bn=nope is unknown; choose one of: pass, fold"),
        ({"loader": []}, "the loader gave no images"),
        ({"loader": [torch.zeros(2, 1, 8, 8)]}, "images have 1 channels; the network takes 3"),
        ({"loader": [torch.full((2, 3, 8, 8), torch.nan)]}, r"images \[0, 1\] contain NaN"),
        ({"loader": [torch.zeros(2, 3, 8)]}, "images must be a floating-point tensor"),
    ],
)
def test_fitting_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fit_patterns(Functional(), **{"loader": [torch.zeros(2, 3, 8, 8)], **options})


@pytest.mark.parametrize("composite", ["pattern_net", "pattern_attribution"])
def test_an_engine_needs_the_patterns_of_its_own_network(composite: str) -> None:
    torch.manual_seed(0)
    model, images = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2)), torch.randn(4, 3, 4, 4)
    wider = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    patterns, others = fit_patterns(model, [images]), fit_patterns(wider, [torch.randn(4, 3, 6, 6)])
    assert LRP(model, composite, patterns=patterns).attribute(images).any()
    with pytest.raises(UserError, match=r"0 has no pattern; fit some with fit_patterns\(model, loader\)"):
        LRP(model, composite)
    with pytest.raises(UserError, match=r"2: the pattern is \(2, 64\), the weight \(2, 16\); .* another network"):
        LRP(model, composite, patterns=others)
    with pytest.raises(UserError, match="bn=fold, but the patterns were fitted with bn=pass; choose the same"):
        LRP(model, composite, patterns=patterns, bn="fold")


@pytest.mark.parametrize("composite", ["pattern_net", "pattern_attribution"])
def test_batchnorm_passed_or_folded_gives_the_same(composite: str) -> None:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4), nn.ReLU()]
    model = randomize_batchnorm(nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 3))).double().eval()
    images = torch.randn(5, 3, 8, 8, dtype=torch.float64)
    passed, folded = (
        LRP(model, composite, bn=bn, patterns=fit_patterns(model, [images], "all", bn), dtype="float64")
        for bn in ("pass", "fold")
    )
    assert passed.attribute(images).any()
    torch.testing.assert_close(passed.attribute(images, 1), folded.attribute(images, 1), rtol=1e-4, atol=1e-7)
