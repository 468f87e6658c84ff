"""Random networks of forks, additions, concatenations, gates, pooling: no step makes or loses relevance unsaid."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from relprop import LRP
from relprop.lrp import COMPOSITES, SPLITS
from tests.networks import Block, network_of


def option_a(block: Block, x: Tensor) -> Tensor:
    """A shortcut without parameters, as in He et al. 2015: every second pixel, and channels of zeros."""
    return F.relu(block.conv(x))[:, :, ::2, ::2] + F.pad(x[:, 1:3, ::2, ::2], (0, 0, 0, 0, 1, 1))


def dense(block: Block, x: Tensor) -> Tensor:
    """A fork into three, concatenated in a row."""
    y = F.relu(block.conv(x))
    return block.merge(torch.cat((x, y), 1)) + torch.cat((x[:, :2], block.other(y)[:, 2:]), 1)


def excited(block: Block, x: Tensor) -> Tensor:
    """Squeeze and excitation."""
    y = block.norm(block.conv(x))
    return y * torch.sigmoid(block.fc(F.relu(block.fc(y.mean((2, 3))))))[:, :, None, None]


def shuffled(block: Block, x: Tensor) -> Tensor:
    """Channels in another order, by reshaping."""
    height, width = x.shape[2], x.shape[3]
    return block.conv(x).view(x.size(0), 2, 2, height, width).transpose(1, 2).reshape(x.size(0), 4, height, width)


BLOCKS: dict[str, Callable[[Block, Tensor], Tensor]] = {
    "identity": lambda b, x: F.relu(b.norm(b.conv(x)) + x),
    "projection": lambda b, x: b.conv(F.relu(b.conv(x))) + b.norm(b.other(x)),
    "pre-activation": lambda b, x: x + b.conv(b.inplace(b.norm(x))),
    "broadcast": lambda b, x: b.other(x) + b.conv(F.adaptive_avg_pool2d(x, 1)),
    "dense": dense,
    "squeeze-excitation": excited,
    "one plus a gate": lambda b, x: F.relu(b.conv(x)) * (1 + torch.sigmoid(b.other(x))),
    "attention": lambda b, x: b.conv(x) * torch.softmax(b.other(x).flatten(2), 2).view(x.shape) + x,
    "option A": option_a,
    "shuffled": shuffled,
    "max pooling": lambda b, x: F.max_pool2d(F.relu(b.conv(x)), 3, 2, 1),
    "average pooling": lambda b, x: F.avg_pool2d(b.conv(x), 2, ceil_mode=True),
    "both poolings": lambda b, x: F.adaptive_max_pool2d(x, 2) + F.adaptive_avg_pool2d(b.other(x), 2),
    "upsampling": lambda b, x: F.interpolate(b.other(x), scale_factor=2, mode="nearest") + b.upsample(x),
    "leaky relu": lambda b, x: F.leaky_relu(b.conv(x), 0.2, inplace=True),
    "swish": lambda b, x: F.silu(b.norm(b.conv(x)), inplace=True) + x,
    "twice": lambda b, x: b.conv(F.relu_(b.conv(F.relu_(b.conv(x))))) + b.conv(x),
    "scale and shift": lambda b, x: F.relu(b.conv(x) * b.scale + b.shift) - b.shift,
    "padding": lambda b, x: F.pad(b.conv(x), (1, 0, 2, -1)),
    "doubled": lambda b, x: b.dropout(x) + x,
}
# Shares beyond 0 … 1 let relevance of both signs cancel; then only double precision can tell a loss from rounding.
TOLERANCES = {"float32": 1e-5, "float64": 1e-9}
BOUNDED = [name for name, split in SPLITS.items() if name not in ("signed", "gamma") and not split.copies]
CONSERVING = [name for name, split in SPLITS.items() if not split.copies]


def network(seed: int, blocks: list[str]) -> nn.Module:
    return network_of(*[BLOCKS[name] for name in blocks], seed=seed)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    blocks=st.lists(st.sampled_from(sorted(BLOCKS)), min_size=1, max_size=4),
    size=st.sampled_from([(8, 8), (9, 7)]),
    how=st.one_of(
        st.tuples(st.just("float32"), st.sampled_from(BOUNDED)),
        st.tuples(st.just("float64"), st.sampled_from(CONSERVING)),
    ),
    start=st.sampled_from(["probability", "softmax"]),
    bn=st.sampled_from(["pass", "fold"]),
)
def test_random_networks_conserve(
    seed: int, blocks: list[str], size: tuple[int, int], how: tuple[str, str], start: str, bn: str
) -> None:
    model = network(seed, blocks)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(seed)
    images = torch.randn(3, 3, *size)
    dtype, skip = how
    engine = LRP(model, skip=skip, start=start, bn=bn, dtype=dtype)
    audit, attribution = engine.audit(images), engine.attribute(images)
    assert audit.error <= TOLERANCES[dtype], audit
    assert attribution.isfinite().all()
    scale = max(sum(abs(row.relevance_in) for row in audit.rows), abs(audit.start))
    assert abs(attribution.double().sum().item() - (audit.start - audit.absorbed)) <= TOLERANCES[dtype] * scale
    singly = torch.cat([engine.attribute(image[None]) for image in images])
    torch.testing.assert_close(singly, attribution, rtol=1e-3, atol=1e-4 * attribution.abs().max().item())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("skip", CONSERVING)
def test_every_block_conserves_with_every_split(block: str, skip: str) -> None:
    torch.manual_seed(3)
    engine = LRP(network(1, [block, "identity"]), skip=skip, start="softmax", dtype="float64")
    audit = engine.audit(torch.randn(2, 3, 8, 8))
    assert audit.error <= TOLERANCES["float64"], audit
    assert audit.start == pytest.approx(2)


@pytest.mark.parametrize("composite", [name for name, made in COMPOSITES.items() if made.gate == "signal"])
@pytest.mark.parametrize("bias", ["absorb", "ignore", "distribute"])
def test_every_composite_accounts_for_what_it_absorbs(composite: str, bias: str) -> None:
    torch.manual_seed(4)
    model = network(2, ["identity", "max pooling", "dense", "squeeze-excitation", "average pooling"])
    engine = LRP(model, composite, bias=bias, start="softmax", mean=[0.5] * 3, std=[0.5] * 3, dtype="float64")
    audit = engine.audit(torch.rand(2, 3, 8, 8) * 2 - 1)
    assert audit.error <= 1e-6, audit


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), blocks=st.integers(0, 3), size=st.integers(4, 11), skip=st.sampled_from(BOUNDED))
def test_positive_residual_networks_lose_nothing_but_epsilon(seed: int, blocks: int, size: int, skip: str) -> None:
    """Positive weights and pixels leave no neuron without excitation, so that z⁺ hands on all but ε."""
    residual = [lambda b, x: F.relu(b.other(F.relu(b.conv(x))) + x)] * blocks
    model = network_of(*residual, lambda b, x: b.maxpool(x), norm=nn.Identity(), seed=seed)
    model.norm = nn.Identity()
    torch.manual_seed(seed)
    for parameter in model.parameters():
        nn.init.uniform_(parameter, 0.1, 1.0)
    attribution = LRP(model, skip=skip, start="one").attribute(torch.rand(2, 3, size, size) + 0.1)
    torch.testing.assert_close(attribution.flatten(1).sum(1), torch.ones(2), rtol=1e-4, atol=0)
