"""Every registered method: shape, finiteness, batches, determinism, untouched model, target, bad options."""

import copy
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers import EXPLAINERS, Explainer, get_explainer
from relprop.explainers.lrp import LRPExplainer, takes_patterns
from relprop.lrp import COMPOSITES, LRP, At, Composite, OfKind, fit_patterns
from relprop.lrp.presets import POOLING
from relprop.lrp.rules import Epsilon, Gamma, ZBox
from tests.explainers.quick import QUICK
from tests.networks import Functional
from tests.slim import slim

NETWORKS = ("vgg11", "vgg11_bn", "resnet18", "resnet20", "squeezenet1_0")
# The layer that Score-CAM finds by itself has more channels in these.
FEW_CHANNELS = {"vgg11": "features.1", "vgg11_bn": "features.2", "resnet18": "layer1"}
Built = tuple[nn.Module, Tensor, Tensor]


def side_of(name: str) -> int:
    """Of the images of a network; VGG can take no fewer pixels."""
    return 32 if name.startswith("vgg") else 16


@pytest.fixture(scope="module")
def network() -> Callable[[str], Built]:
    """A network by name, in training mode as a careless caller leaves it, images and the two best classes of each.

    With random weights other classes may have no active neuron behind them, and no map.
    """
    built: dict[str, Built] = {}

    def build(name: str) -> Built:
        if name not in built:
            side = side_of(name)
            torch.manual_seed(0)
            model = slim(name, side).eval()
            images = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(2))
            with torch.no_grad():
                best = model(images).topk(2, 1).indices
            built[name] = model.train(), images, best
        return built[name]

    return build


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stored maps of ten images of either side."""
    folder = tmp_path_factory.mktemp("maps")
    for side in (16, 32):
        values = np.random.default_rng(0).standard_normal((10, 3, side, side)).astype(np.float32)
        np.save(folder / f"{side}.npy", values)
    return folder


def build(method: str, name: str, model: nn.Module, maps: Path, **options: Any) -> Explainer:
    side = side_of(name)
    own = {
        "file": {"path": maps / f"{side}.npy"},
        "scorecam": {"layer": FEW_CHANNELS.get(name)},
        "occlusion": {"window": side // 2},
    }
    return get_explainer(method, model, **{**QUICK.get(method, {}), **own.get(method, {}), **options})


CASES = [
    *((method, name) for method in EXPLAINERS for name in NETWORKS if method != "attention_branch"),
    *(("attention_branch", name) for name in ("abn_resnet18", "abn_resnet20")),
]


@pytest.mark.parametrize(("method", "name"), CASES)
def test_every_method(method: str, name: str, network: Callable[[str], Built], maps: Path) -> None:
    model, images, best = network(name)
    target, other, indices = best[:, 0], best[:, 1], torch.tensor([4, 0, 7])
    weights, given, numbers = copy.deepcopy(model.state_dict()), images.clone(), torch.get_rng_state()
    attributes = {path: list(vars(module)) for path, module in model.named_modules()}

    explainer = build(method, name, model, maps)
    attribution = explainer(images, target, indices)
    assert attribution.shape == images.shape
    assert attribution.isfinite().all()
    assert attribution.flatten(1).std(1).min() > 0
    assert not attribution.requires_grad
    with torch.inference_mode():
        assert torch.equal(attribution, explainer(images.clone(), target.clone(), indices.clone()))
    assert torch.equal(attribution, explainer(images, other, indices)) == explainer.ignores_target
    if explainer.channels == "shared":
        assert torch.equal(attribution, attribution[:, :1].expand_as(attribution))

    close = {"rtol": 1e-3, "atol": 1e-5 * attribution.abs().max().item()}
    alone = explainer(images[1:2], target[1:2], indices[1:2])
    torch.testing.assert_close(alone, attribution[1:2], **close)
    options = {"max_batch": 2} if "max_batch" in inspect.signature(EXPLAINERS[method]).parameters else {}
    backwards = build(method, name, model, maps, **options)(images.flip(0), target.flip(0), indices.flip(0))
    torch.testing.assert_close(backwards.flip(0), attribution, **close)

    assert all(module.training for module in model.modules())
    assert {path: list(vars(module)) for path, module in model.named_modules()} == attributes
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(images, given)
    assert torch.equal(torch.get_rng_state(), numbers)


@pytest.mark.parametrize("name", NETWORKS)
def test_attention_branch_explains_networks_that_have_one(name: str, network: Callable[[str], Built]) -> None:
    with pytest.raises(UserError, match="method=attention_branch explains Attention Branch Networks, not a"):
        get_explainer("attention_branch", network(name)[0])


@pytest.mark.parametrize("method", EXPLAINERS)
def test_every_method_refuses_what_is_no_batch_of_images(
    method: str, network: Callable[[str], Built], maps: Path
) -> None:
    name = "abn_resnet20" if method == "attention_branch" else "resnet20"
    explainer = build(method, name, network(name)[0], maps)
    bad = torch.full((2, 3, 32, 32), torch.nan)
    for images, message in (
        (
            torch.zeros(3, 32, 32),
            r"images must be a floating-point tensor \(N, C, H, W\), not torch.float32 \(3, 32, 32\)",
        ),
        (torch.zeros(2, 3, 32, 32, dtype=torch.uint8), "images must be a floating-point tensor .*, not torch.uint8"),
        (torch.zeros(0, 3, 32, 32), "images is an empty batch"),
        (torch.cat([bad[:1] * 0 + 1, bad]).nan_to_num(0.0, 0.0, 0.0) + torch.cat([bad[:1] * 0, bad]), "contain NaN"),
    ):
        with pytest.raises(UserError, match=message):
            explainer(images, None, torch.arange(len(images)))


def test_target_may_be_left_out_or_one_for_all(network: Callable[[str], Built]) -> None:
    model, images, best = network("resnet20")
    explainer = get_explainer("gradient", model, max_batch=2)
    assert torch.equal(explainer(images), explainer(images, best[:, 0]))
    assert torch.equal(explainer(images, 4), explainer(images, torch.tensor([4, 4, 4])))
    for target, message in (
        (10, r"target classes must be in 0…9, not \[10"),
        (-1, r"target classes must be in 0…9, not \[-1"),
        (torch.tensor([0.0, 1.0, 2.0]), "target must be class indices"),
        (torch.tensor([0, 1]), "target must have one class for each of the 3 images"),
    ):
        with pytest.raises(UserError, match=message):
            explainer(images, target)


def test_positive_leaves_out_what_speaks_against_the_class(network: Callable[[str], Built]) -> None:
    model, images, best = network("resnet20")
    signed, positive = (get_explainer("gradient", model, positive=p)(images, best[:, 0]) for p in (False, True))
    assert signed.min() < 0
    assert torch.equal(positive, signed.clamp(min=0))


def test_gradient_is_the_slope_of_the_logit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)).double()
    image, direction = torch.randn(1, 3, 6, 6).double(), torch.randn(1, 3, 6, 6).double()
    gradient = get_explainer("gradient", model)(image, torch.tensor([2]))
    with torch.no_grad():
        slope = (model(image + 1e-6 * direction)[0, 2] - model(image - 1e-6 * direction)[0, 2]) / 2e-6
    assert (gradient * direction).sum().item() == pytest.approx(slope.item(), rel=1e-6)


def test_lrp_takes_all_options_of_the_engine_with_their_defaults() -> None:
    """But for the composite, which is the one of the paper that the project began with and can be tuned."""
    mine, engines = (inspect.signature(owner).parameters for owner in (LRPExplainer, LRP))
    assert list(mine) == [*engines, "gamma", "eps", "max_batch", "positive"]
    other = {name for name in engines if mine[name].default != engines[name].default}
    assert other == {"composite"}


@pytest.mark.parametrize("composite", COMPOSITES)
def test_lrp_is_the_engine_with_these_options(composite: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, images, target = Functional().eval(), torch.randn(2, 3, 8, 8), torch.tensor([1, 2])
    options = {"bn": "fold", "dtype": "float64", "mean": (0.5,) * 3, "std": (0.2,) * 3, "relevance_filter": 0.5}
    patterns, file = None, None
    if takes_patterns(composite):
        patterns, file = fit_patterns(model, [images], bn="fold"), tmp_path / "patterns.safetensors"
        patterns.save(file)
        with pytest.raises(ValueError, match="has no pattern; fit some with fit_patterns"):
            get_explainer("lrp", model, composite=composite, **options)
    expected = LRP(model, composite, patterns=patterns, **options).attribute(images, target)
    for given in (patterns, file, None if file is None else str(file)):
        explainer = get_explainer("lrp", model, composite=composite, patterns=given, **options)
        assert torch.equal(explainer(images, target), expected)


def test_lrp_tunes_the_composite_before_all_else() -> None:
    torch.manual_seed(0)
    model, images, target = Functional().eval(), torch.randn(2, 3, 8, 8), torch.tensor([1, 2])
    options = {"bias": "ignore", "mean": (0.5,) * 3, "std": (0.2,) * 3}
    by_name = get_explainer("lrp", model, composite="epsilon_gamma_box", gamma=2.0, eps=0.3, **options)
    rules = {At(0): ZBox(), OfKind("conv"): Gamma("ignore", gamma=2.0), OfKind("linear"): Epsilon("ignore", eps=0.3)}
    by_hand = Composite("", (*rules.items(), *POOLING), start="logit", skip="signed")
    expected = LRP(model, by_hand, mean=options["mean"], std=options["std"]).attribute(images, target)
    assert torch.equal(by_name(images, target), expected)
    assert not torch.equal(
        get_explainer("lrp", model, composite="epsilon_gamma_box", **options)(images, target), expected
    )
    with pytest.raises(
        UserError, match="gamma=2.0: no rule of the composite takes it; what can be tuned there: nothing"
    ):
        get_explainer("lrp", model, composite="zplus", gamma=2.0)


def test_random_depends_on_image_and_seed_only() -> None:
    model, images = nn.Flatten(), torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    first, second = get_explainer("random", model, seed=0), get_explainer("random", model, seed=1)
    noise = first(images, 0)
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise, second(images, 0))
    assert abs(noise.mean().item() - 0.5) < 0.02


def test_bad_names_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("method=nope is unknown; choose one of: " + ", ".join(EXPLAINERS))):
        get_explainer("nope", nn.Identity())
    with pytest.raises(ValueError, match="method=lrp has no option 'skp'; it takes: composite, skip"):
        get_explainer("lrp", nn.Identity(), skp="simple")
    with pytest.raises(ValueError, match="method=gradient has no option 'skip'; it takes: max_batch, positive"):
        get_explainer("gradient", nn.Identity(), skip="simple")
