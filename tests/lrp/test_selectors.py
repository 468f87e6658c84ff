"""Which steps a selector fits."""

import re

import pytest
import torch.nn.functional as F
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.lrp import At, Named, OfKind
from relprop.lrp.graph import WEIGHTED, Kind
from relprop.lrp.selectors import Selector
from relprop.lrp.tracing import trace
from tests.networks import network_of

# stem, a block whose projection is one layer beside two, a layer called twice, a gate, the head
MODEL = network_of(
    lambda b, x: b.conv(F.relu(b.conv(x))) + b.other(x),
    lambda b, x: b.conv(x) * b.other(F.adaptive_avg_pool2d(x, 1)).sigmoid(),
)
GRAPH = trace(MODEL)


def fits(selector: Selector) -> list[str]:
    return [step.name for step in GRAPH.steps if selector(GRAPH, step)]


@pytest.mark.parametrize("kind", Kind)
def test_of_kind(kind: Kind) -> None:
    assert fits(OfKind(kind)) == fits(OfKind(kind.value)) == [s.name for s in GRAPH.steps if s.kind is kind]


def test_of_several_kinds() -> None:
    assert fits(OfKind("conv", "linear")) == [step.name for step in GRAPH.steps if step.kind in WEIGHTED]
    with pytest.raises(UserError, match="'dense' is not a valid Kind; kinds of steps: input, conv, linear"):
        OfKind("conv", "dense")


@pytest.mark.parametrize(
    ("positions", "names"),
    [
        ((0,), ["stem"]),
        ((1,), ["block0.conv", "block0.other"]),
        ((2,), ["block0.conv:2"]),
        ((3,), ["block1.conv", "block1.other"]),
        ((-1,), ["head"]),
        ((-2,), ["block1.conv", "block1.other"]),
        ((-3,), ["block0.conv:2", "block0.other"]),
        ((0, -1), ["stem", "head"]),
        ((99, -99), []),
    ],
)
def test_at_counts_weighted_layers_by_the_longest_way(positions: tuple[int, ...], names: list[str]) -> None:
    assert sorted(fits(At(*positions))) == sorted(names)


def test_layers_side_by_side_share_a_position() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head((self.left(x) + self.right(x)).mean((2, 3)))

    graph = trace(Fork())
    assert [step.name for step in graph.steps if At(0)(graph, step)] == ["left", "right"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("stem", ["stem"]),
        ("block0.conv", ["block0.conv", "block0.conv:2"]),
        ("block0.conv:2", ["block0.conv:2"]),
        ("block?.conv", ["block0.conv", "block0.conv:2", "block1.conv"]),
        ("*.other", ["block0.other", "block1.other"]),
        (re.compile(r"block\d\.(other|sigmoid)"), ["block0.other", "block1.other", "block1.sigmoid"]),
        (re.compile("block"), []),  # the whole name must fit
        ("STEM", []),
    ],
)
def test_named(pattern: str | re.Pattern[str], names: list[str]) -> None:
    assert fits(Named(pattern)) == names
    assert fits(Named("nothing", pattern)) == names


def test_selectors_of_the_same_arguments_are_equal() -> None:
    for build in (OfKind, At, Named):
        arguments = (0, 1) if build is At else ("conv", "linear")
        assert build(*arguments) == build(*arguments)
        assert hash(build(*arguments)) == hash(build(*arguments))
        assert repr(build(*arguments)).startswith(build.__name__)
