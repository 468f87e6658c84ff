"""The forward pass of the engine gives what the model gives, keeps what is asked for, and frees the rest."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18

from relprop.errors import UserError
from relprop.lrp import COMPOSITES, GATES, SPLITS
from relprop.lrp.forward import Activations, forward
from relprop.lrp.graph import NO_RELEVANCE, Kind
from relprop.lrp.plan import make_plan
from relprop.lrp.tracing import trace
from relprop.lrp.weights import Options, prepare
from relprop.models import build_model
from tests.networks import Aliases, Functional, PreActivation, dimensional, network_of, randomize_batchnorm

NETWORKS = {
    "functional": (Functional, (3, 32, 32)),
    "pre-activation": (PreActivation, (3, 8, 8)),
    "aliases": (Aliases, (3, 32, 32)),
    "resnet18": (lambda: resnet18(num_classes=10), (3, 32, 32)),
    "vgg11": (lambda: build_model("vgg11", num_classes=10, image_size=32), (3, 32, 32)),
    "one dimension": (lambda: dimensional(1), (2, 8)),
    "two dimensions": (lambda: dimensional(2), (2, 8, 8)),
    "three dimensions": (lambda: dimensional(3), (2, 8, 8, 8)),
}


def run(model: nn.Module, images: Tensor, composite: str, folds: bool, keep: set[int] | None = None) -> Activations:
    chosen = COMPOSITES[composite]
    plan = make_plan(trace(model), chosen, SPLITS["flows_skip"], GATES[chosen.gate], folds)
    affines = prepare(model, plan, Options(folds=folds)).affines
    with torch.no_grad():
        return forward(plan.graph, affines, plan.folded, images, plan.keep if keep is None else keep)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("composite", ["zplus", "epsilon"])
@pytest.mark.parametrize("folds", [False, True])
def test_steps_compute_what_the_model_computes(name: str, composite: str, folds: bool) -> None:
    torch.manual_seed(0)
    build, shape = NETWORKS[name]
    model = randomize_batchnorm(build()).eval()
    images = torch.randn(2, *shape)
    before = images.clone()
    activations = run(model, images, composite, folds)
    with torch.no_grad():
        expected = model(images.clone())
    torch.testing.assert_close(activations.values[activations.graph.output], expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(images, before)


def outputs_of(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What the model's own modules give in their first call."""
    seen: dict[str, Tensor] = {}

    def record(name: str, output: Tensor) -> None:
        seen.setdefault(name, output.clone())

    for name, module in model.named_modules():
        module.register_forward_hook(lambda _, __, output, name=name: record(name, output))
    with torch.no_grad():
        model(images)
    return seen


@pytest.mark.parametrize("folds", [False, True])
def test_every_value_that_is_kept_is_the_models(folds: bool) -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(resnet18(num_classes=10)).eval()
    images = torch.randn(2, 3, 32, 32)
    expected = outputs_of(model, images)
    everything = run(model, images, "epsilon", folds, keep=set(range(len(trace(model).steps))))
    compared = 0
    for step in everything.graph.steps:
        if step.name in expected and step.kind is not Kind.CONV:  # those may be folded with their batch norm
            torch.testing.assert_close(everything.of(step.index), expected[step.name], rtol=1e-3, atol=1e-4)
            compared += 1
    assert compared > 30


def test_what_is_not_kept_is_freed_and_a_relu_is_made_anew() -> None:
    model = network_of(lambda b, x: F.relu(b.dropout(b.conv(x))), lambda b, x: b.conv(x))
    images = torch.randn(2, 3, 8, 8)
    graph = trace(model)
    index = {step.name: step.index for step in graph.steps}
    keep = {index["block0.conv"], index["block0.relu"], graph.output}
    activations = run(model, images, "zplus", False, keep)
    held = {step.name for step in graph.steps if not activations.values[step.index].is_meta}
    assert held == {"block0.conv", "head"}
    expected = activations.of(index["block0.conv"]).relu()
    assert torch.equal(activations.of(index["block0.relu"]), expected)
    assert torch.equal(activations.of(index["block0.dropout"]), activations.of(index["block0.conv"]))


def test_shapes_are_those_of_all_outputs() -> None:
    model = network_of(lambda b, x: b.maxpool(b.conv(x)).reshape(x.size(0), 4, -1, 1))
    activations = run(model, torch.randn(2, 3, 8, 8), "zplus", False)
    shapes = {step.name: tuple(activations.shapes[step.index]) for step in activations.graph.steps}
    assert shapes["block0.conv"] == (2, 4, 8, 8)
    assert shapes["block0.reshape"] == (2, 4, 16, 1)
    assert shapes["head"] == (2, 5)
    assert all(shapes[s.name] or s.kind in NO_RELEVANCE for s in activations.graph.steps)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_constants_take_the_type_of_the_images_also_when_those_are_freed(dtype: torch.dtype) -> None:
    model = network_of(lambda b, x: b.conv(x * b.scale) + b.shift)
    plan = make_plan(trace(model), COMPOSITES["otsuki2024"], SPLITS["flows_skip"], GATES["signal"], False)
    affines = prepare(model, plan, Options(dtype=dtype)).affines
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        values = forward(plan.graph, affines, plan.folded, images.to(dtype), {plan.graph.output}).values
    assert values[plan.graph.output].dtype == dtype
    torch.testing.assert_close(values[plan.graph.output].float(), model(images), rtol=0.05, atol=0.05)


TOO_SMALL: list[tuple[Callable, str]] = [
    (lambda b, x: F.max_pool2d(x, 9), r"block0\.maxpool2d cannot take its input \(1, 4, 8, 8\)"),
    (lambda b, x: x.reshape(-1, 4, 5, 8), r"block0\.reshape cannot take its input \(1, 4, 8, 8\)"),
    (lambda b, x: x[:, :, 9], r"block0\.getitem cannot take its input \(1, 4, 8, 8\)"),
    (lambda b, x: x + b.maxpool(x), r"block0\.add cannot take its input \(1, 4, 8, 8\) and \(1, 4, 4, 4\)"),
    (
        lambda b, x: torch.cat((x, b.maxpool(x)), 1),
        r"block0\.cat cannot take its input \(1, 4, 8, 8\) and \(1, 4, 4, 4",
    ),
    (lambda b, x: b.fc(x.flatten(1)).view(1, 4, 1, 1), r"block0\.fc cannot take its input \(1, 256\)"),
    (lambda b, x: x * b.scale.view(2, 2, 1), r"block0\.(mul|view|reshape) cannot take its input"),
]


@pytest.mark.parametrize(("function", "message"), TOO_SMALL)
def test_images_of_a_size_that_the_network_does_not_take_name_the_step(function: Callable, message: str) -> None:
    with pytest.raises(UserError, match=rf"^{message}.*from images \(1, 3, 8, 8\); do they have the size"):
        run(network_of(function), torch.randn(1, 3, 8, 8), "zplus", False)
