"""What torch.fx reads becomes the right steps, and what has no rule is refused by path, operation and remedy."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18

from relprop import LRP, UnsupportedOperationError
from relprop.lrp.graph import Graph, Kind
from relprop.lrp.residual import find_additions
from relprop.lrp.tracing import trace
from tests.networks import Block, Functional, PreActivation, network_of


def described_additions(graph: Graph) -> dict[str, tuple[str, str, str]]:
    return {
        graph.steps[index].name: (graph.steps[found.main].name, graph.steps[found.shortcut].name, found.kind)
        for index, found in find_additions(graph).items()
    }


def test_names_are_module_paths_and_unique() -> None:
    names = [step.name for step in trace(resnet18()).steps]
    assert len(names) == len(set(names))
    assert {"conv1", "layer1.0.relu", "layer1.0.relu:2", "layer2.0.downsample.0", "layer4.1.add", "fc"} <= set(names)


def test_a_module_named_input_does_not_take_the_place_of_the_image() -> None:
    class Input(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input, self.head = nn.Conv2d(3, 4, 1), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.input(x).mean((2, 3)))

    engine, images = LRP(Input()), torch.randn(1, 3, 4, 4)
    names = [step.name for step in engine.graph.steps]
    assert len(names) == len(set(names))
    relevance = engine.trace(images)
    assert len(relevance) == len(names)
    assert torch.equal(relevance["input"], engine.attribute(images))


def test_nonnegative_exactly_behind_relu() -> None:
    graph = trace(Functional())
    known = {step.name for step in graph.steps if step.nonnegative}
    relus = {"relu", "relu:2", "relu:3", "relu:4"}
    assert known == relus | {"maxpool2d", "getitem", "pad", "add:2", "adaptiveavgpool2d", "dropout", "view"}


@pytest.mark.parametrize(
    ("function", "known"),
    [
        (lambda b, x: x, True),
        (lambda b, x: F.avg_pool2d(x, 2), True),
        (lambda b, x: torch.cat((x, x), 1)[:, :4], True),
        (lambda b, x: x * torch.sigmoid(b.conv(x)), True),
        (lambda b, x: F.softplus(b.conv(x)) + x, True),
        (lambda b, x: b.norm(x), False),
        (lambda b, x: F.leaky_relu(x), False),
        (lambda b, x: b.conv(x) + x, False),
        (lambda b, x: x * torch.tanh(b.conv(x)), False),
        (lambda b, x: x - 1, False),
        (lambda b, x: x * b.shift, False),
    ],
)
def test_what_is_known_to_be_nonnegative_is(function: Callable[[Block, Tensor], Tensor], known: bool) -> None:
    (at_pool,) = (step for step in trace(network_of(function)).steps if step.name == "pool")
    assert at_pool.nonnegative is known


def test_a_batchnorm_belongs_to_the_layer_that_it_follows() -> None:
    graph = trace(PreActivation())
    follows = {step.name: graph.steps[step.batchnorm].name for step in graph.steps if step.batchnorm is not None}
    assert follows == {"conv": "norm"}
    assert [step.name for step in graph.steps if step.kind is Kind.BATCHNORM] == ["norm", "norm:2"]


@pytest.mark.parametrize(
    "function",
    [
        lambda b, x: b.norm(F.relu(b.conv(x))),
        lambda b, x: (lambda y: b.norm(y) + y)(b.conv(x)),
        lambda b, x: b.norm(F.avg_pool2d(b.conv(x), 2)),
    ],
)
def test_a_batchnorm_that_stands_alone_belongs_to_no_layer(function: Callable[[Block, Tensor], Tensor]) -> None:
    graph = trace(network_of(function))
    assert {step.name for step in graph.steps if step.batchnorm is not None} == {"stem"}


def test_additions_of_resnet18() -> None:
    additions = described_additions(trace(resnet18()))
    assert len(additions) == 8
    assert additions["layer1.0.add"] == ("layer1.0.bn2", "maxpool", "identity")
    assert additions["layer2.0.add"] == ("layer2.0.bn2", "layer2.0.downsample.1", "projection")
    assert additions["layer2.1.add"] == ("layer2.1.bn2", "layer2.0.relu:2", "identity")


def test_additions_however_they_are_written() -> None:
    additions = described_additions(trace(Functional()))
    assert additions["add"] == ("norm", "pad", "identity")  # option A: slicing and padding have no weights
    assert additions["add:2"] == ("relu:3", "relu:2", "identity")
    assert additions["add:3"] == ("twice:2", "add:2", "identity")


@pytest.mark.parametrize("function", [lambda b, x: b.maxpool(x) + x, lambda b, x: x + b.maxpool(x)])
def test_the_fork_itself_is_the_shortcut_whatever_the_order(function: Callable[[Block, Tensor], Tensor]) -> None:
    graph = trace(network_of(function, maxpool=nn.MaxPool2d(3, 1, 1)))
    assert described_additions(graph) == {"block0.add": ("block0.maxpool", "relu", "identity")}


REFUSED = [
    (lambda b, x: b.own(x), "block0.own: .*the module PReLU. Modules with a rule: .*Conv2d"),
    (lambda b, x: x * b.conv(x), "block0: .*the product of two tensors, neither of which is a gate. One side must"),
    (lambda b, x: torch.sigmoid(x) * b.conv(x).tanh(), "block0: .*both of which are gates. One side must come from"),
    (lambda b, x: x * x, r"block0: .*which is not linear. Use a \+ b or a \* gate"),
    (lambda b, x: 1 / (x + 1), r"block0: .*which is not linear. Use a \+ b or a \* gate"),
    (lambda b, x: x / b.conv(x).sigmoid(), "block0: .*div.* of two tensors. Use"),
    (lambda b, x: x / x.mean((2, 3), keepdim=True), "block0: .*div.* of two tensors. Use"),
    (lambda b, x: torch.div(x, 2, rounding_mode="floor"), "block0: .*div.*rounding"),
    (lambda b, x: x - b.conv(x), r"block0: .*sub.* of two tensors. Use a \+ b, a \+ \(-1 \* b\)"),
    (lambda b, x: torch.add(x, b.conv(x), alpha=2), "block0: .*add.* of two tensors. Use"),
    (lambda b, x: b.conv(x).add_(x, alpha=2), "block0: .*add_.* of two tensors. Use"),
    (lambda b, x: x**2, "block0: .*the function pow. Functions with a rule: .*add"),
    (lambda b, x: F.layer_norm(x, (8, 8)), "block0: .*the function layer_norm. Functions with a rule:"),
    (lambda b, x: x.mean(), "block0: .*mean.*Name the dimensions.* and leave out 0"),
    (lambda b, x: x.mean(0, keepdim=True), "block0: .*mean.*Name the dimensions.* and leave out 0"),
    (lambda b, x: torch.sum(x, (0, 2)), "block0: .*sum.*Name the dimensions.* and leave out 0"),
    (lambda b, x: F.pad(x, (1, 1), value=2.0), "block0: .*padding with something else than zero. Pad with zeros"),
    (lambda b, x: F.pad(x, (1, 1), "constant", 2.0), "block0: .*padding with something else than zero. Pad with"),
    (lambda b, x: torch.cat((x, b.scale.expand(2, 4, 8, 8)), 1), "block0: .*concatenation with a constant. Concat"),
    (lambda b, x: F.avg_pool2d(x, x.size(3)), "block0: .*avg_pool2d with sizes read from a tensor.*AdaptiveAvgPool2d"),
    (lambda b, x: F.relu(x.T), "block0: .*the attribute 'T' of a tensor. Only .shape is"),
    (lambda b, x: x[x > 0], "block0: .*the function gt. Functions with a rule:"),
    (lambda b, x: F.conv2d(x, b.conv.weight), "block0: .*the function conv2d. Functions with a rule:"),
    (lambda b, x: x + b.conv(b.shift[None]), "block0.conv: .*constant"),
    (lambda b, x: F.relu(x) if x.sum() > 0 else x, "cannot be traced by torch.fx.*Control flow that depends on"),
    (lambda b, x: torch.cat(x.chunk(2, 1), 1), "block0: .*the function chunk. Functions with a rule:"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_has_no_rule_is_refused_by_name(function: Callable[[Block, Tensor], Tensor], message: str) -> None:
    with pytest.raises(UnsupportedOperationError, match=message):
        LRP(network_of(function, own=nn.PReLU()))


def test_only_one_image_batch_and_one_tensor_of_logits() -> None:
    class TwoInputs(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    class TwoOutputs(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(UnsupportedOperationError, match="one image batch"):
        trace(TwoInputs())
    with pytest.raises(UnsupportedOperationError, match="returns a tuple.* Wrap the network"):
        trace(TwoOutputs())


@pytest.mark.parametrize("build", [nn.Softmax, nn.LogSoftmax])
def test_a_softmax_at_the_end_is_refused(build: Callable[[int], nn.Module]) -> None:
    with pytest.raises(UnsupportedOperationError, match="1.*[Ss]oftmax"):
        LRP(nn.Sequential(network_of(), build(1)))
    with pytest.raises(UnsupportedOperationError, match="softmax"):
        LRP(network_of(lambda b, x: b.fc(x.mean((2, 3))).softmax(1)[..., None, None]))
