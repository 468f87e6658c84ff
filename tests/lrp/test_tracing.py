import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet18

from relprop.lrp.forward import forward
from relprop.lrp.graph import Graph, Kind, UnsupportedOperationError
from relprop.lrp.residual import find_additions
from relprop.lrp.tracing import trace
from relprop.lrp.weights import prepare
from relprop.models import build_model
from tests.networks import Aliases, ChangedView, Functional, PreActivation, randomize_batchnorm


def named(graph: Graph, name: str) -> int:
    return next(step.index for step in graph.steps if step.name == name)


@pytest.mark.parametrize(
    "build",
    [
        Functional,
        PreActivation,
        Aliases,
        lambda: resnet18(num_classes=10),
        lambda: build_model("vgg11", num_classes=10, image_size=32),
    ],
)
def test_steps_compute_what_the_model_computes(build) -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(build()).eval()
    size = 8 if isinstance(model, PreActivation) else 32
    images = torch.randn(2, 3, size, size)
    graph = trace(model)
    with torch.no_grad():
        affines = prepare(graph, {}, fold=False).affines
        logits = forward(graph, affines, images.clone(), keep={graph.output}).values[graph.output]
        torch.testing.assert_close(logits, model(images), rtol=1e-4, atol=1e-5)


def test_names_are_module_paths_and_unique() -> None:
    names = [step.name for step in trace(resnet18()).steps]
    assert len(names) == len(set(names))
    assert {"conv1", "layer1.0.relu", "layer1.0.relu:2", "layer2.0.downsample.0", "layer4.1.add", "fc"} <= set(names)


def test_nonnegative_exactly_behind_relu() -> None:
    graph = trace(Functional())
    known = {step.name for step in graph.steps if step.nonnegative}
    relus = {"relu", "relu:2", "relu:3", "relu:4"}
    assert known == relus | {"maxpool2d", "getitem", "pad", "add:2", "adaptiveavgpool2d", "dropout", "view"}


def test_batchnorm_is_folded_only_into_the_layer_it_follows() -> None:
    graph = trace(PreActivation())
    folded = {graph.steps[index].name for index in graph.folded}
    assert folded == {"norm"}
    assert graph.steps[named(graph, "norm:2")].kind is Kind.BATCHNORM


def test_additions_of_resnet18() -> None:
    graph = trace(resnet18())
    additions = {
        graph.steps[index].name: (graph.steps[found.main].name, graph.steps[found.shortcut].name, found.kind)
        for index, found in find_additions(graph).items()
    }
    assert len(additions) == 8
    assert additions["layer1.0.add"] == ("layer1.0.bn2", "maxpool", "identity")
    assert additions["layer2.0.add"] == ("layer2.0.bn2", "layer2.0.downsample.1", "projection")
    assert additions["layer2.1.add"] == ("layer2.1.bn2", "layer2.0.relu:2", "identity")


def test_additions_however_they_are_written() -> None:
    graph = trace(Functional())
    additions = {
        graph.steps[index].name: (graph.steps[found.main].name, graph.steps[found.shortcut].name, found.kind)
        for index, found in find_additions(graph).items()
    }
    assert additions["add"] == ("norm", "pad", "identity")  # option A: slicing and padding have no weights
    assert additions["add:2"] == ("relu:3", "relu:2", "identity")
    assert additions["add:3"] == ("twice:2", "add:2", "identity")


class Refused(nn.Module):
    def __init__(self, operation) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), operation)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.inner(x).flatten(1))


class Block(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (nn.Softplus(), "inner.1: LRP has no rule for the module Softplus. Modules with a rule: .*Conv2d"),
        (nn.BatchNorm2d(4, track_running_stats=False), "inner.1: .*running statistics. Set track_running_stats=True"),
        (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), "inner.1: .*padding_mode='reflect'. Pad with zeros"),
        (nn.Conv2d(4, 4, 2, padding="same"), "inner.1: .*even kernel"),
        (nn.MaxPool2d(2, dilation=2), "inner.1: .*without dilation"),
        (Block(lambda x: x * x), "inner.1: LRP has no rule for the function mul. Functions with a rule: .*add"),
        (Block(lambda x: x + 1), "inner.1: LRP has no rule for the addition .*Add two different tensors"),
        (Block(lambda x: x + x), "inner.1: LRP has no rule for the addition"),
        (Block(lambda x: torch.add(x, F.relu(x), alpha=2)), "inner.1: LRP has no rule for the addition"),
        (Block(lambda x: F.pad(x, (1, 1), value=2.0)), "inner.1: .*padding with something else than zero"),
        (Block(lambda x: F.relu(x) if x.sum() > 0 else x), "cannot be traced by torch.fx"),
        (Block(lambda x: F.avg_pool2d(x, x.size(3))), "avg_pool2d with sizes read from a tensor. .*AdaptiveAvgPool2d"),
        (Block(lambda x: x.T), "no rule for the attribute 'T' of a tensor. Only .shape"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(operation: nn.Module, message: str) -> None:
    with pytest.raises(UnsupportedOperationError, match=message):
        trace(Refused(operation))


def test_an_inplace_change_of_a_part_is_refused() -> None:
    with pytest.raises(UnsupportedOperationError, match="relu: LRP has no rule for an in-place change of a part"):
        trace(ChangedView())


def test_the_fork_itself_is_the_shortcut_whatever_the_order() -> None:
    class Pooled(nn.Module):
        def __init__(self, pool_first: bool) -> None:
            super().__init__()
            self.stem, self.pool, self.pool_first = nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 1, 1), pool_first

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.stem(x))
            return self.pool(y) + y if self.pool_first else y + self.pool(y)

    for pool_first in (True, False):
        graph = trace(Pooled(pool_first))
        (found,) = find_additions(graph).values()
        assert (graph.steps[found.main].name, graph.steps[found.shortcut].name) == ("pool", "relu")


def test_only_one_image_batch_and_one_tensor_of_logits() -> None:
    class TwoInputs(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    class TwoOutputs(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x, x

    with pytest.raises(UnsupportedOperationError, match="one image batch"):
        trace(TwoInputs())
    with pytest.raises(UnsupportedOperationError, match="returns a tuple"):
        trace(TwoOutputs())
