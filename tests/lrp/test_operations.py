"""However a network is written — with modules, functions, methods, in place or not — its explanation is the same."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from relprop import LRP
from relprop.lrp import SPLITS
from relprop.lrp.operations import names_of_functions
from tests.networks import Block, network_of

Function = Callable[[Block, Tensor], Tensor]


def pooled(x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(x, 1)


def gate(b: Block, x: Tensor) -> Tensor:
    return torch.sigmoid(b.other(pooled(x)))


def inplace_add(b: Block, x: Tensor) -> Tensor:
    y = b.conv(x)
    y += x
    return y


def inplace_mul(b: Block, x: Tensor) -> Tensor:
    y = b.conv(x)
    y *= gate(b, x)
    return y


def inplace_affine(b: Block, x: Tensor) -> Tensor:
    x *= b.scale
    x += b.shift
    return x


# All functions of a row are the same network. The first is written with modules and operators where it can be.
SPELLINGS: dict[str, list[Function]] = {
    "relu": [
        lambda b, x: b.relu(b.conv(x)),
        lambda b, x: b.inplace(b.conv(x)),
        lambda b, x: F.relu(b.conv(x)),
        lambda b, x: F.relu(b.conv(x), inplace=True),
        lambda b, x: F.relu_(b.conv(x)),
        lambda b, x: torch.relu(b.conv(x)),
        lambda b, x: b.conv(x).relu(),
        lambda b, x: b.conv(x).relu_(),
    ],
    "addition": [
        lambda b, x: b.conv(x) + x,
        lambda b, x: x + b.conv(x),
        inplace_add,
        lambda b, x: torch.add(b.conv(x), x),
        lambda b, x: torch.add(input=b.conv(x), other=x, alpha=1),
        lambda b, x: b.conv(x).add(x),
        lambda b, x: b.conv(x).add_(x),
        lambda b, x: b.conv(x).contiguous() + b.dropout(x),
    ],
    "broadcast addition": [
        lambda b, x: x + b.other(pooled(x)),
        lambda b, x: b.other(pooled(x)) + x,
        lambda b, x: x + b.other(pooled(x)).expand(-1, -1, 8, 8),
        lambda b, x: torch.add(x, b.other(x.mean((2, 3), keepdim=True))),
    ],
    "concatenation": [
        lambda b, x: b.merge(torch.cat((b.conv(x), x), 1)),
        lambda b, x: b.merge(torch.cat([b.conv(x), x], dim=1)),
        lambda b, x: b.merge(torch.cat(tensors=(b.conv(x), x), dim=-3)),
        lambda b, x: b.merge(torch.concat((b.conv(x), x), 1)),
        lambda b, x: b.merge(torch.concatenate((b.conv(x), x), axis=1)),
    ],
    "the same tensor twice": [
        lambda b, x: b.merge(torch.cat((x, x), 1)),
        lambda b, x: b.merge(torch.cat((x, b.dropout(x)), 1)),
    ],
    "flattening": [
        lambda b, x: b.fc(b.flatten(pooled(x)))[:, :, None, None],
        lambda b, x: b.fc(pooled(x).flatten(1))[:, :, None, None],
        lambda b, x: b.fc(torch.flatten(pooled(x), 1))[:, :, None, None],
        lambda b, x: b.fc(pooled(x).view(x.size(0), -1)).unsqueeze(-1).unsqueeze(-1),
        lambda b, x: b.fc(pooled(x).reshape(x.shape[0], -1)).view(x.size(0), 4, 1, 1),
        lambda b, x: b.fc(pooled(x).squeeze(-1).squeeze(-1))[..., None, None],
        lambda b, x: b.fc(pooled(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
        lambda b, x: b.fc(pooled(x)[:, :, 0, 0])[:, :, None, None],
    ],
    "views of a map": [
        lambda b, x: b.relu(b.conv(x)),
        lambda b, x: b.relu(b.conv(x)).view(x.size(0), -1).view(-1, 4, 8, 8),
        lambda b, x: b.conv(x).view(x.shape[0], 4 * 64).relu().reshape(x.shape),
        lambda b, x: torch.flatten(b.conv(x), 1).relu_().view((x.size(0), 4, 8, 8)),
        lambda b, x: b.conv(x).view(x.size(0), 2, 2, 64).transpose(1, 2).relu().transpose(1, 2).reshape(-1, 4, 8, 8),
    ],
    "global average": [
        lambda b, x: b.fc(b.flatten(F.adaptive_avg_pool2d(x, 1)))[:, :, None, None],
        lambda b, x: b.fc(b.flatten(F.adaptive_avg_pool2d(x, (1, 1))))[:, :, None, None],
        lambda b, x: b.fc(b.flatten(F.avg_pool2d(x, 8)))[:, :, None, None],
        lambda b, x: b.fc(x.mean((2, 3)))[:, :, None, None],
        lambda b, x: b.fc(x.mean([-1, -2]))[:, :, None, None],
        lambda b, x: b.fc(x.mean(3).mean(dim=2))[:, :, None, None],
        lambda b, x: b.fc(torch.mean(x, dim=(2, 3)))[:, :, None, None],
        lambda b, x: b.fc(x.flatten(2).mean(-1))[:, :, None, None],
        lambda b, x: b.fc(x.sum((2, 3)) / 64)[:, :, None, None],
        lambda b, x: b.fc(torch.sum(x, (2, 3)) / (x.shape[2] * x.size(3)))[:, :, None, None],
    ],
    "slicing": [
        lambda b, x: torch.cat((b.conv(x)[:, 2:], x[:, :2]), 1),
        lambda b, x: torch.cat((b.conv(x)[:, 2:4, :, :], x[:, 0:2, ...]), 1),
        lambda b, x: torch.cat((b.conv(x)[:, 2 : x.size(1)], x[:, : x.shape[1] // 2]), 1),
    ],
    "padding": [
        lambda b, x: b.pad(b.conv(x)),
        lambda b, x: F.pad(b.conv(x), (1, 1, 1, 1)),
        lambda b, x: F.pad(b.conv(x), [1] * 4, "constant", 0),
        lambda b, x: F.pad(b.conv(x), pad=(1, 1, 1, 1), value=0.0),
    ],
    "gate": [
        lambda b, x: b.conv(x) * gate(b, x),
        lambda b, x: gate(b, x) * b.conv(x),
        inplace_mul,
        lambda b, x: torch.mul(b.conv(x), gate(b, x)),
        lambda b, x: b.conv(x).mul(b.other(pooled(x)).sigmoid()),
        lambda b, x: b.conv(x).mul_(F.sigmoid(b.other(pooled(x)))),
        lambda b, x: b.conv(x) * gate(b, x).flatten(1).view(x.size(0), -1, 1, 1),
        lambda b, x: b.conv(x) * gate(b, x).flatten(1)[:, :, None, None],
    ],
    "one plus a gate": [
        lambda b, x: x * (1 + gate(b, x)),
        lambda b, x: x * (gate(b, x) + 1),
        lambda b, x: (gate(b, x).add(1)) * x,
        lambda b, x: x.mul_(gate(b, x).add_(1)),
    ],
    "swish": [
        lambda b, x: b.conv(x) * torch.sigmoid(b.conv(x)),
        lambda b, x: (lambda y: y * y.sigmoid())(b.conv(x)),
        lambda b, x: F.silu(b.conv(x)),
        lambda b, x: F.silu(b.conv(x), inplace=True),
    ],
    "scale and shift": [
        lambda b, x: x * b.scale + b.shift,
        lambda b, x: b.shift + b.scale * x,
        inplace_affine,
        lambda b, x: torch.add(torch.mul(x, b.scale), b.shift),
        lambda b, x: x.mul(b.scale).add_(b.shift),
        lambda b, x: x * b.scale.view(1, -1, 1, 1) + b.shift[None],
        lambda b, x: x * b.scale.flatten()[:, None, None] + b.shift.unsqueeze(0),
    ],
    "shift twice": [
        lambda b, x: x + 2 * b.shift,
        lambda b, x: x + b.shift + b.shift,
        lambda b, x: torch.add(x, b.shift, alpha=2),
        lambda b, x: x.add_(b.shift, alpha=2),
        lambda b, x: x - -2 * b.shift,
        lambda b, x: x.sub(b.shift, alpha=-2),
    ],
    "half": [
        lambda b, x: x / 2,
        lambda b, x: x * 0.5,
        lambda b, x: x.div(2),
        lambda b, x: x.div_(2.0),
        lambda b, x: torch.div(x, 2),
        lambda b, x: 2 * x / x.size(1),
        lambda b, x: (2 / x.size(1)) * x,
        lambda b, x: x * torch.sigmoid(0 * b.shift),
    ],
    "twice": [
        lambda b, x: x + x,
        lambda b, x: 2 * x,
        lambda b, x: x.mul_(2),
        lambda b, x: torch.add(x, x),
    ],
    "max pooling": [
        lambda b, x: b.maxpool(x),
        lambda b, x: F.max_pool2d(x, 2),
        lambda b, x: F.max_pool2d(x, kernel_size=2, stride=2),
        lambda b, x: F.max_pool2d(x, 2, 2, 0, 1, True),
    ],
    "average pooling": [
        lambda b, x: b.avgpool(x),
        lambda b, x: F.avg_pool2d(x, 2),
        lambda b, x: F.avg_pool2d(x, kernel_size=(2, 2), stride=2),
    ],
    "dropout": [
        lambda b, x: b.dropout(x),
        lambda b, x: F.dropout(x, 0.5, b.training),
        lambda b, x: F.dropout(x, training=b.training),
        lambda b, x: F.dropout2d(x, training=b.training),
        lambda b, x: x,
    ],
    "interpolation": [
        lambda b, x: b.upsample(x),
        lambda b, x: F.interpolate(x, scale_factor=2),
        lambda b, x: F.interpolate(x, (16, 16), mode="nearest"),
    ],
    "a layer used twice": [
        lambda b, x: b.norm(b.conv(b.relu(b.norm(b.conv(x))))),
        lambda b, x: b.norm(b.conv(F.relu_(b.norm(b.conv(x))))),
    ],
}
EVERY = [(row, number) for row, functions in SPELLINGS.items() for number in range(len(functions))]


@cache
def images() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@cache
def explanation(row: str, number: int, composite: str) -> Tensor:
    engine = LRP(network_of(SPELLINGS[row][number]), composite, start="softmax", dtype="float64")
    return engine.attribute(images())


@pytest.mark.parametrize(("row", "number"), EVERY)
def test_all_spellings_of_a_network_have_the_same_explanation(row: str, number: int) -> None:
    with torch.no_grad():
        first, other = (network_of(SPELLINGS[row][i])(images()) for i in (0, number))
    torch.testing.assert_close(other, first)
    for composite in ("zplus", "epsilon"):
        expected = explanation(row, 0, composite)
        assert expected.abs().sum() > 0
        torch.testing.assert_close(explanation(row, number, composite), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("row", "number"), EVERY)
def test_the_gradient_composite_gives_the_gradient(row: str, number: int) -> None:
    inputs = images().clone().requires_grad_()
    logits = network_of(SPELLINGS[row][0])(inputs)  # the others may change in place what autograd needs
    (expected,) = torch.autograd.grad(logits[:, 2].sum(), inputs)
    result = LRP(network_of(SPELLINGS[row][number]), "gradient").attribute(images(), 2)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("skip", [name for name, split in SPLITS.items() if not split.copies])
def test_broadcast_additions_conserve(skip: str) -> None:
    for function in SPELLINGS["broadcast addition"]:
        assert LRP(network_of(function), skip=skip, dtype="float64").audit(images()).error <= 1e-9


def test_error_messages_list_every_function_once() -> None:
    names = names_of_functions().split(", ")
    assert len(names) == len(set(names))
    assert {"relu", "sigmoid", "cat", "mean", "flatten", "pad", "getitem"} <= set(names)
