"""The engine reads a model and changes nothing: not its weights, modes, hooks; and it sees when the model changes."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune
from torchvision.models import resnet18

from relprop import LRP
from relprop.lrp import COMPOSITES, SPLITS, fit_patterns
from tests.networks import network_of

ENGINES = [{"composite": name} for name in COMPOSITES] + [{"skip": name} for name in SPLITS]


@pytest.fixture(scope="module")
def needed(model: nn.Module, images: Tensor) -> dict[str, Any]:
    """What some composites need, and the others do not mind."""
    return {"mean": (0.5,) * 3, "std": (0.5,) * 3, "patterns": fit_patterns(model, [images])}


def snapshot(model: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """Values, addresses, and versions of all tensors; all attributes of all modules."""
    tensors = {name: (t.clone(), t.data_ptr(), t._version) for name, t in model.state_dict(keep_vars=True).items()}
    modules = {
        name: {key: repr(value) for key, value in vars(module).items()} for name, module in model.named_modules()
    }
    return tensors, modules


@pytest.mark.parametrize("options", ENGINES, ids=str)
def test_model_and_images_are_left_as_they_were(
    options: dict[str, str], model: nn.Module, images: Tensor, needed: dict[str, Any]
) -> None:
    model = copy.deepcopy(model).train()
    model.norm.eval()
    tensors, modules = snapshot(model)
    before = images.clone()
    engine = LRP(model, **options, **needed)
    engine.attribute(images)
    engine.trace(images)
    engine.audit(images)
    tensors_after, modules_after = snapshot(model)
    assert modules == modules_after  # training flags, hooks, attributes
    for name, (value, address, version) in tensors.items():
        assert tensors_after[name][1:] == (address, version), name
        assert torch.equal(tensors_after[name][0], value), name
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(images, before)


@pytest.mark.parametrize("options", ENGINES, ids=str)
@pytest.mark.parametrize("fraction", [1.0, 0.3])
def test_batch_and_repetition_do_not_matter(
    options: dict[str, str], fraction: float, model: nn.Module, images: Tensor, needed: dict[str, Any]
) -> None:
    engine = LRP(model, **options, **needed, relevance_filter=fraction, dtype="float64")
    batch = engine.attribute(images)
    assert batch.shape == images.shape
    assert torch.equal(batch, engine.attribute(images))
    singly = torch.cat([engine.attribute(image[None]) for image in images])
    torch.testing.assert_close(batch, singly, rtol=1e-6, atol=1e-9)


def test_training_mode_is_explained_as_evaluation(model: nn.Module, images: Tensor) -> None:
    training = copy.deepcopy(model).train()
    assert torch.equal(LRP(training).attribute(images), LRP(model).attribute(images))
    engine = LRP(model)
    expected = engine.attribute(images)
    model.train()
    try:
        assert torch.equal(engine.attribute(images), expected)
    finally:
        model.eval()


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
@pytest.mark.parametrize("composite", ["zplus", "otsuki2024", "gradient"])
def test_any_autograd_mode(mode: Any, composite: str, model: nn.Module, images: Tensor) -> None:
    engine = LRP(model, composite)
    expected = engine.attribute(images)
    assert not engine.attribute(images.clone().requires_grad_()).requires_grad
    with mode():
        assert torch.equal(LRP(model, composite).attribute(images.clone()), expected)
        assert torch.equal(engine.attribute(images.clone()), expected)


@pytest.mark.parametrize("composite", ["zplus", "epsilon", "gradient", "guided_backprop"])
def test_weights_made_in_inference_mode(composite: str) -> None:
    def function(block: Any, x: Tensor) -> Tensor:
        return torch.nn.functional.silu(block.norm(block.conv(x)) * block.scale + block.shift)

    with torch.inference_mode():
        model, images = network_of(function), torch.randn(2, 3, 8, 8)
        inside = LRP(model, composite).attribute(images)
    plain = network_of(function)
    expected = LRP(plain, composite).attribute(images.clone())
    torch.testing.assert_close(inside.clone(), expected)
    torch.testing.assert_close(LRP(model, composite).attribute(images).clone(), expected)


def test_autocast_is_ignored(model: nn.Module, images: Tensor) -> None:
    expected = LRP(model).attribute(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(LRP(model).attribute(images), expected)


def write(model: nn.Module) -> None:
    with torch.no_grad():
        model.twice.weight.mul_(0.5).add_(0.01)


def load(model: nn.Module) -> None:
    model.load_state_dict({name: value * 0.9 for name, value in model.state_dict().items()})


def step(model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(1, 3, 16, 16)).sum().backward()
    optimizer.step()


def statistics(model: nn.Module) -> None:
    model.train()(torch.randn(4, 3, 16, 16))
    model.eval()


def replace_parameter(model: nn.Module) -> None:
    model.stem.weight = nn.Parameter(torch.randn_like(model.stem.weight))


def replace_module(model: nn.Module) -> None:
    model.head = nn.Linear(16, 10)


def to_double_and_back(model: nn.Module) -> None:
    model.double()
    write(model)
    model.float()


@pytest.mark.parametrize(
    "change", [write, load, step, statistics, replace_parameter, replace_module, to_double_and_back]
)
@pytest.mark.parametrize("bn", ["pass", "fold"])
def test_changes_are_seen(change: Any, bn: str, model: nn.Module, images: Tensor) -> None:
    model = copy.deepcopy(model)
    engine = LRP(model, bn=bn)
    first = engine.attribute(images)
    torch.manual_seed(2)
    change(model)
    second = engine.attribute(images)
    assert not torch.allclose(first, second)
    assert torch.equal(second, LRP(model, bn=bn).attribute(images))


def test_a_nan_that_comes_later_is_refused_and_gone_when_it_goes(model: nn.Module, images: Tensor) -> None:
    model = copy.deepcopy(model)
    engine = LRP(model)
    expected = engine.attribute(images)
    kept = model.down.bias.detach()[0].clone()
    with torch.no_grad():
        model.down.bias[0] = torch.nan
    for _ in range(2):
        with pytest.raises(ValueError, match=r"down\.bias contains NaN or infinite values"):
            engine.attribute(images)
    with torch.no_grad():
        model.down.bias[0] = kept
    assert torch.equal(engine.attribute(images), expected)


def test_parametrized_weights_are_the_computed_ones(model: nn.Module, images: Tensor) -> None:
    normed = copy.deepcopy(model)
    parametrizations.weight_norm(normed.twice)
    engine = LRP(normed)
    torch.testing.assert_close(engine.attribute(images), LRP(model).attribute(images), rtol=1e-4, atol=1e-7)
    with torch.no_grad():
        normed.twice.parametrizations.weight.original0.mul_(2)
    assert torch.equal(engine.attribute(images), LRP(normed).attribute(images))


@pytest.mark.parametrize(
    "kind", [parametrizations.spectral_norm, lambda layer: prune.l1_unstructured(layer, "weight", 0.5)]
)
def test_computed_weights_are_those_of_now_and_take_no_step(kind: Any, model: nn.Module, images: Tensor) -> None:
    """In training mode, reading the weight of a spectral norm changes it; pruned weights are old until a forward."""
    changed = copy.deepcopy(model).train()
    kind(changed.twice)
    engine = LRP(changed, "gradient")
    with torch.no_grad():
        next(changed.twice.parameters()).add_(0.1)
        for parameter in changed.twice.parameters():
            parameter.mul_(torch.rand_like(parameter) + 0.5)
    before = {name: buffer.clone() for name, buffer in changed.named_buffers()}
    found = engine.attribute(images, 1)
    assert all(torch.equal(buffer, before[name]) for name, buffer in changed.named_buffers())
    pixels = images.clone().requires_grad_()
    (expected,) = torch.autograd.grad(changed.eval()(pixels)[:, 1].sum(), pixels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_hooks_of_the_caller_neither_fire_nor_get_lost() -> None:
    torch.manual_seed(0)
    model = resnet18(num_classes=5).eval()
    fired = []
    for module in (model.avgpool, model.maxpool, model.layer1):
        module.register_forward_hook(lambda module, inputs, output: fired.append(module) or output.detach())
        module.register_forward_pre_hook(lambda module, inputs: fired.append(module))
    images = torch.randn(1, 3, 32, 32)
    LRP(model, composite="otsuki2024").attribute(images)
    LRP(model, composite="gradient").attribute(images)
    assert fired == []
    model(images)
    assert len(fired) == 6
