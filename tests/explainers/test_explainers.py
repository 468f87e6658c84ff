"""Every registered method: shape, finiteness, batch invariance, determinism, untouched model, target, bad options."""

import copy
import inspect
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from relprop.explainers import EXPLAINERS, get_explainer, list_explainers
from relprop.explainers.lrp import LRPExplainer, takes_patterns
from relprop.lrp import COMPOSITES, LRP, fit_patterns
from relprop.models import build_model
from tests.networks import Functional

IGNORES_TARGET = {"random"}


@pytest.fixture(scope="module", params=["vgg11", "vgg11_bn", "resnet18", "resnet20"])
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return build_model(request.param, num_classes=10, image_size=32).eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(3, 3, 32, 32)


TARGET = torch.tensor([0, 3, 7])


@pytest.mark.parametrize("name", list_explainers())
def test_every_method(name: str, model: nn.Module, images: Tensor) -> None:
    training = copy.deepcopy(model).train()
    weights = copy.deepcopy(training.state_dict())
    explainer = get_explainer(name, training)
    attribution = explainer(images, TARGET)
    assert attribution.shape == images.shape
    assert attribution.isfinite().all()
    assert attribution.flatten(1).std(1).min() > 0
    assert torch.equal(attribution, explainer(images, TARGET))
    singly = torch.cat([explainer(images[i : i + 1], TARGET[i : i + 1]) for i in range(3)])
    scale = attribution.abs().max().item()
    torch.testing.assert_close(singly, attribution, rtol=1e-3, atol=1e-5 * scale)
    assert torch.equal(attribution, explainer(images, TARGET + 1)) == (name in IGNORES_TARGET)
    assert all(module.training for module in training.modules())
    assert all(torch.equal(value, weights[key]) for key, value in training.state_dict().items())
    assert all(parameter.grad is None for parameter in training.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(explainer(images.clone(), TARGET.clone()), attribution)


def test_gradient_is_the_slope_of_the_logit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 3)).double()
    image, direction = torch.randn(1, 3, 6, 6).double(), torch.randn(1, 3, 6, 6).double()
    gradient = get_explainer("gradient", model)(image, torch.tensor([2]))
    with torch.no_grad():
        slope = (model(image + 1e-6 * direction)[0, 2] - model(image - 1e-6 * direction)[0, 2]) / 2e-6
    assert (gradient * direction).sum().item() == pytest.approx(slope.item(), rel=1e-6)


def test_lrp_takes_all_options_of_the_engine_with_their_defaults() -> None:
    """But for the composite, which is the one of the paper that the project began with."""
    mine, engines = (inspect.signature(owner).parameters for owner in (LRPExplainer, LRP))
    assert list(mine) == [*engines, "max_batch", "positive"]
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


def test_random_depends_on_image_and_seed_only(images: Tensor) -> None:
    model = nn.Identity()
    first, second = get_explainer("random", model, seed=0), get_explainer("random", model, seed=1)
    noise = first(images, TARGET)
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise, second(images, TARGET))
    assert abs(noise.mean().item() - 0.5) < 0.02


def test_bad_names_and_options_are_refused() -> None:
    with pytest.raises(ValueError, match="method=nope is unknown; choose one of: " + ", ".join(EXPLAINERS)):
        get_explainer("nope", nn.Identity())
    with pytest.raises(ValueError, match="method=lrp has no option 'skp'; it takes: composite, skip"):
        get_explainer("lrp", nn.Identity(), skp="simple")
    with pytest.raises(ValueError, match="method=gradient has no option 'skip'; it takes: max_batch, positive"):
        get_explainer("gradient", nn.Identity(), skip="simple")
