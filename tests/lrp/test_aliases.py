"""In-place operations: whoever asks for a changed tensor afterwards, under whatever name, gets the changed one."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop import LRP, UnsupportedOperationError
from tests.networks import Aliases, Block, ChangedView, PreActivation, network_of, randomize_batchnorm

Function = Callable[[Block, Tensor], Tensor]


def start_of(model: nn.Module, images: Tensor) -> Tensor:
    """The softmax of the logits, as the engine computes them."""
    return list(LRP(model, start="softmax").trace(images).values())[-1]


@pytest.mark.parametrize("build", [PreActivation, Aliases])
def test_networks_with_inplace_operations(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = randomize_batchnorm(build()).eval()
    images = torch.randn(2, 3, 8, 8)
    before = images.clone()
    torch.testing.assert_close(start_of(model, images), model(images).softmax(1))
    assert torch.equal(images, before)


def changed_then(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    block.inplace(y)
    return y + x


def changed_under_another_name(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    other = block.dropout(y)
    other.mul_(block.scale)
    return block.other(y) + other


def changed_twice(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    y += x
    F.relu_(y)
    y *= 2
    return block.other(y) + y


def changed_after_a_copy(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    kept = 1 * y
    y.relu_()
    return y + kept


def changed_view_that_nobody_else_uses(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x).view(x.size(0), -1)
    y.relu_()
    return y.view(x.size(0), 4, 8, 8) + x


def assigned_under_another_name(block: Block, x: Tensor) -> Tensor:
    shortcut = x
    x += block.conv(x)
    x -= block.shift
    return x + shortcut


def addend_changed_afterwards(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    z = y + x
    x.mul_(3)
    return z + x


UNCHANGED: dict[Function, Function] = {  # the same out of place
    changed_then: lambda b, x: F.relu(b.conv(x)) + x,
    changed_under_another_name: lambda b, x: b.other(b.conv(x) * b.scale) + b.conv(x) * b.scale,
    changed_twice: lambda b, x: b.other(2 * F.relu(b.conv(x) + x)) + 2 * F.relu(b.conv(x) + x),
    changed_after_a_copy: lambda b, x: F.relu(b.conv(x)) + b.conv(x),
    changed_view_that_nobody_else_uses: lambda b, x: F.relu(b.conv(x)) + x,
    assigned_under_another_name: lambda b, x: 2 * (x + b.conv(x) - b.shift),
    addend_changed_afterwards: lambda b, x: b.conv(x) + x + 3 * x,
}


@pytest.mark.parametrize("function", UNCHANGED)
def test_who_asks_afterwards_gets_the_changed_tensor(function: Function) -> None:
    torch.manual_seed(1)
    images = torch.randn(2, 3, 8, 8)
    changed, unchanged = network_of(function), network_of(UNCHANGED[function])
    with torch.no_grad():
        torch.testing.assert_close(changed(images), unchanged(images))
    torch.testing.assert_close(start_of(changed, images), unchanged(images).softmax(1))
    gradients = [LRP(model, "gradient").attribute(images, 0) for model in (changed, unchanged)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)
    assert LRP(changed).audit(images).error <= 1e-5


def test_a_changed_slice_of_a_tensor_that_is_used_is_refused() -> None:
    message = "^relu: LRP has no rule for an in-place change of a part of a tensor. Change it out of place"
    with pytest.raises(UnsupportedOperationError, match=message):
        LRP(ChangedView())


def changed_slice(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    y[:, :2].mul_(2)
    return y


def changed_flat(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    flat = y.flatten(1)
    flat += 1
    return y


def changed_source_of_a_view(block: Block, x: Tensor) -> Tensor:
    y = block.conv(x)
    part = y[:, :2]
    y.relu_()
    return block.merge(torch.cat((y, part, part), 1))


@pytest.mark.parametrize("function", [changed_slice, changed_flat, changed_source_of_a_view])
def test_a_change_seen_through_a_view_is_refused(function: Function) -> None:
    with pytest.raises(UnsupportedOperationError, match=r"block0: .*change of a part of a tensor. Change it out of"):
        LRP(network_of(function))
