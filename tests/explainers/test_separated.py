"""A network taken apart: the same logits and slopes, modules that are called once, nothing shared but the weights."""

import copy
import warnings

import pytest
import torch
import torch.nn.utils as old
from torch import nn
from torch.nn.utils import parametrizations, prune

from relprop.explainers.separated import Graphs, Separated
from tests.networks import Aliases, Functional, PreActivation, randomize_batchnorm
from tests.slim import slim

NETWORKS = ("vgg11_bn", "resnet18", "resnet20", "squeezenet1_0", "abn_resnet20", "darknet19")


def network(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = {"functional": Functional, "aliases": Aliases, "pre_activation": PreActivation}
        model = made[name]() if name in made else slim(name, 32)
        return randomize_batchnorm(model).double().eval()


@pytest.mark.parametrize("name", [*NETWORKS, "functional", "aliases", "pre_activation"])
def test_same_logits_and_slopes(name: str) -> None:
    model, side = network(name), 8 if name == "pre_activation" else 32
    images = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
    target, separated = torch.tensor([1, 3]), Separated(Graphs(model).current())
    expected, found = model(images).gather(1, target[:, None]).squeeze(1), separated(images, target)
    torch.testing.assert_close(found, expected)
    slopes = [torch.autograd.grad(y.sum(), images)[0] for y in (expected, found)]
    torch.testing.assert_close(slopes[1], slopes[0])


@pytest.mark.parametrize("name", [*NETWORKS, "functional"])
def test_every_module_is_called_once_and_changes_nothing_in_place(name: str) -> None:
    model = network(name)
    separated, calls = Separated(Graphs(model).current()), []
    for path, module in separated.layers.named_children():
        module.register_forward_hook(lambda *_, path=path: calls.append(path))
        assert not getattr(module, "inplace", False)
    separated(torch.randn(1, 3, 32, 32).double(), torch.tensor([0]))
    assert sorted(calls) == sorted(path for path, _ in separated.layers.named_children())
    relus = [module for module in separated.layers if isinstance(module, nn.ReLU)]
    assert len(set(map(id, relus))) == len(relus)


def test_weights_are_shared_and_nothing_else() -> None:
    model = network("resnet20")
    fired: list[int] = []
    model.layer1.register_forward_hook(lambda *_: fired.append(1))
    model.conv1.register_forward_hook(lambda *_: fired.append(1))
    separated = Separated(Graphs(model).current())
    images, target = torch.randn(1, 3, 32, 32).double(), torch.tensor([0])
    before = separated(images, target)
    assert not fired
    for layer in separated.layers.children():
        layer.rule = "a rule"
        layer.register_forward_hook(lambda *_: None)
    assert not any(hasattr(module, "rule") for module in model.modules())
    assert sum(len(module._forward_hooks) for module in model.modules()) == 2
    with torch.no_grad():
        model.conv1.weight.mul_(2)
    assert not torch.equal(separated(images, target), before)


COMPUTED = {
    "weight norm": parametrizations.weight_norm,
    "spectral norm": parametrizations.spectral_norm,
    "older weight norm": old.weight_norm,
    "older spectral norm": old.spectral_norm,
    "pruning": lambda layer: prune.l1_unstructured(layer, "weight", 0.3),
}


@pytest.mark.parametrize("kind", COMPUTED)
def test_weights_that_torch_computes_from_others_are_those_of_now(kind: str) -> None:
    """Also when what they come from has changed since the last forward, and without a step of a spectral norm."""
    model = network("functional").train()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weight_norm.* is deprecated", FutureWarning)
        COMPUTED[kind](model.down)
    images, target = torch.randn(2, 3, 16, 16).double(), torch.tensor([1, 3])
    graphs = Graphs(model)
    for _ in range(2):
        with torch.no_grad():
            for parameter in model.down.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
        before = copy.deepcopy(dict(model.named_buffers()))
        found = Separated(graphs.current())(images, target)
        assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
        assert all(module.training for module in model.modules())
        model.eval()
        torch.testing.assert_close(found, model(images).gather(1, target[:, None]).squeeze(1))
        model.train()


def test_graph_is_read_anew_when_a_module_was_replaced() -> None:
    model = network("functional")
    graphs = Graphs(model)
    first = graphs.current()
    assert graphs.current() is first
    model.head = nn.Linear(16, 3).double()
    second = graphs.current()
    assert second is not first
    assert Separated(second)(torch.randn(1, 3, 32, 32).double(), torch.tensor([2])).shape == (1,)
