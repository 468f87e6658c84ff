import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.models import resnet18

from relprop import LRP, UnsupportedOperationError
from relprop.lrp import COMPOSITES, SPLITS, STARTS
from relprop.lrp.start import keep_largest
from relprop.models import build_model
from tests.networks import Functional, PreActivation, randomize_batchnorm


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return randomize_batchnorm(Functional()).eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(3, 3, 16, 16)


def snapshot(model: nn.Module) -> tuple[object, ...]:
    tensors = {name: (t.clone(), t.data_ptr(), t._version) for name, t in model.state_dict(keep_vars=True).items()}
    modules = {
        name: {key: repr(value) for key, value in vars(module).items()} for name, module in model.named_modules()
    }
    return tensors, modules


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("skip", SPLITS)
def test_model_is_left_as_it_was(composite: str, skip: str, model: nn.Module, images: Tensor) -> None:
    model = copy.deepcopy(model).train()
    model.norm.eval()
    tensors, modules = snapshot(model)
    before = images.clone()
    LRP(model, composite=composite, skip=skip).trace(images)
    tensors_after, modules_after = snapshot(model)
    assert modules == modules_after  # training flags, hooks, attributes
    for name, (value, address, version) in tensors.items():
        assert tensors_after[name][1:] == (address, version), name
        assert torch.equal(tensors_after[name][0], value), name
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(images, before)


@pytest.mark.parametrize("composite", COMPOSITES)
@pytest.mark.parametrize("skip", SPLITS)
@pytest.mark.parametrize("fraction", [1.0, 0.3])
def test_batch_and_repetition_do_not_matter(
    composite: str, skip: str, fraction: float, model: nn.Module, images: Tensor
) -> None:
    engine = LRP(model, composite=composite, skip=skip, relevance_filter=fraction)
    batch = engine.attribute(images)
    assert batch.shape == images.shape
    assert torch.equal(batch, engine.attribute(images))
    singly = torch.cat([engine.attribute(image.unsqueeze(0)) for image in images])
    torch.testing.assert_close(batch, singly, rtol=1e-3, atol=1e-6)


def test_training_mode_is_explained_as_evaluation(model: nn.Module, images: Tensor) -> None:
    training = copy.deepcopy(model).train()
    assert torch.equal(LRP(training).attribute(images), LRP(model).attribute(images))


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_any_autograd_mode(mode, model: nn.Module, images: Tensor) -> None:
    expected = LRP(model, composite="otsuki2024").attribute(images)
    with mode():
        assert torch.equal(LRP(model, composite="otsuki2024").attribute(images.clone()), expected)


def test_autocast_is_ignored(model: nn.Module, images: Tensor) -> None:
    expected = LRP(model).attribute(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(LRP(model).attribute(images), expected)


def test_changed_weights_are_seen(model: nn.Module, images: Tensor) -> None:
    model = copy.deepcopy(model)
    engine = LRP(model)
    first = engine.attribute(images)
    with torch.no_grad():
        model.twice.weight.mul_(0.5).add_(0.01)
    second = engine.attribute(images)
    assert not torch.allclose(first, second)
    assert torch.equal(second, LRP(model).attribute(images))


def test_replaced_modules_are_seen(model: nn.Module, images: Tensor) -> None:
    model = copy.deepcopy(model)
    engine = LRP(model)
    engine.attribute(images)
    model.head = nn.Linear(16, 10)
    assert torch.equal(engine.attribute(images), LRP(model).attribute(images))


def test_hooks_of_the_caller_neither_fire_nor_get_lost(images: Tensor) -> None:
    torch.manual_seed(0)
    model = resnet18(num_classes=5).eval()
    fired = []
    for module in (model.avgpool, model.maxpool, model.layer1):
        module.register_forward_hook(lambda module, inputs, output: fired.append(module) or output.detach())
        module.register_forward_pre_hook(lambda module, inputs: fired.append(module))
    images = torch.randn(1, 3, 32, 32)
    LRP(model, composite="otsuki2024").attribute(images)
    assert fired == []
    model(images)
    assert len(fired) == 6


def test_adding_tensors_of_other_shapes_is_refused() -> None:
    class Broadcast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.pool, self.head = nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return self.head(self.pool(y + self.pool(y)).flatten(1))

    with pytest.raises(UnsupportedOperationError, match=r"add: .*adding \(1, 4, 6, 6\) and \(1, 4, 1, 1\)"):
        LRP(Broadcast()).attribute(torch.randn(1, 3, 8, 8))


def test_target(model: nn.Module, images: Tensor) -> None:
    engine = LRP(model)
    predicted = model(images).argmax(1)
    torch.testing.assert_close(engine.attribute(images), engine.attribute(images, predicted))
    torch.testing.assert_close(engine.attribute(images, 3), engine.attribute(images, torch.tensor([3, 3, 3])))
    assert not torch.allclose(engine.attribute(images, 3), engine.attribute(images, 4))


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


def test_trace_holds_every_step_and_conserves() -> None:
    torch.manual_seed(0)
    engine = LRP(build_model("vgg11_bn", num_classes=10, image_size=32), composite="zplus", start="one")
    images = torch.randn(2, 3, 32, 32)
    steps = engine.trace(images)
    assert list(steps) == [step.name for step in engine.graph.steps]
    assert torch.equal(steps["input"], engine.attribute(images))
    for name, relevance in steps.items():
        assert relevance.flatten(1).sum(1).tolist() == pytest.approx([1, 1], rel=1e-3), name


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    blocks=st.integers(0, 3),
    width=st.integers(2, 6),
    size=st.integers(4, 11),
    skip=st.sampled_from(sorted(SPLITS)),
)
def test_random_residual_networks_conserve_relevance(seed: int, blocks: int, width: int, size: int, skip: str) -> None:
    """Positive weights and pixels leave no neuron without excitation, so that z⁺ must lose nothing but ε."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.main = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1))

        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(self.main(x) + x)

    torch.manual_seed(seed)
    pools = [nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3)]
    model = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), *[Residual() for _ in range(blocks)], *pools).eval()
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.1, 1.0)
    engine = LRP(model, composite="zplus", skip=skip, start="one")
    attribution = engine.attribute(torch.rand(2, 3, size, size) + 0.1)
    torch.testing.assert_close(attribution.flatten(1).sum(1), torch.ones(2), rtol=1e-4, atol=0)


def test_batchnorm_folded_or_passed(images: Tensor) -> None:
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


def test_fold_refuses_a_batchnorm_that_follows_no_layer() -> None:
    with pytest.raises(UnsupportedOperationError, match="norm:2: bn='fold' .*Use bn='pass'"):
        LRP(PreActivation(), bn="fold")
    assert LRP(PreActivation(), bn="pass").attribute(torch.randn(1, 3, 8, 8)).isfinite().all()


def test_keep_largest() -> None:
    relevance = torch.tensor([[[4.0, -1.0], [3.0, 2.0]], [[0.0, 0.0], [5.0, -7.0]]])
    assert torch.equal(keep_largest(relevance, 0.5), torch.tensor([[[4.0, 0], [3, 0]], [[0, 0], [5, 0]]]))
    assert torch.equal(keep_largest(relevance, 0.01), torch.tensor([[[4.0, 0], [0, 0]], [[0, 0], [5, 0]]]))
    assert keep_largest(relevance, 1.0) is relevance


def test_repr_shows_the_rule_of_every_step(model: nn.Module) -> None:
    text = repr(LRP(model, composite="otsuki2024"))
    assert "stem " in text
    assert "← ZPlusOnes(eps=1e-05)" in text
    assert "← FlowsSkip of norm and identity pad" in text
    assert len(text.splitlines()) == len(LRP(model).graph.steps) + 1
