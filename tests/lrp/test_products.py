"""Products of a signal with its gate: literal shares, broadcast gates, relevance through both branches."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop import LRP
from relprop.lrp import COMPOSITES, GATES, SPLITS, Composite, OfKind
from relprop.lrp.gradients import Transposed
from relprop.lrp.products import Gate
from relprop.lrp.rules import Epsilon
from relprop.lrp.splits import Signed
from relprop.models.attention_branch import AttentionBranchNetwork
from relprop.models.cifar_resnet import CifarResNet
from tests.networks import Block, network_of, randomize_batchnorm

# What signal and gate get of R.
FORMULAS: dict[str, Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    "signal": lambda r, s, g: (r, 0 * r),
    "half": lambda r, s, g: (r / 2, r / 2),
    "derivative": lambda r, s, g: (g * r, s * r),
}


def test_every_way_has_its_formula() -> None:
    assert set(FORMULAS) == set(GATES)


@pytest.mark.parametrize("name", GATES)
def test_shares_are_new_tensors_with_the_values_of_the_formula(name: str) -> None:
    torch.manual_seed(0)
    relevance, signal, gate = torch.randn(3, 50, dtype=torch.float64)
    expected = FORMULAS[name](relevance, signal, gate)
    values = (signal.clone(), gate.clone())
    shares = GATES[name].shares(relevance.clone(), *(values if GATES[name].needs_values else (None, None)))
    torch.testing.assert_close(shares, expected, rtol=1e-12, atol=0)
    assert shares[0].data_ptr() != shares[1].data_ptr()
    assert torch.equal(values[0], signal) and torch.equal(values[1], gate)


class Gated(nn.Module):
    """Signal times gate, one written first; the gate has a value for each place, channel, or both."""

    def __init__(self, signal_first: bool, per: str) -> None:
        super().__init__()
        self.signal, self.gate = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 1 if per == "place" else 3, 1)
        self.pool = nn.AdaptiveAvgPool2d(1) if per == "channel" else nn.Identity()
        self.sigmoid, self.head = nn.Sigmoid(), nn.Linear(3 * 12, 3)
        self.signal_first = signal_first

    def forward(self, x: Tensor) -> Tensor:
        s, g = self.signal(x), self.sigmoid(self.gate(self.pool(x)))
        return self.head((s * g if self.signal_first else g * s).flatten(1))


@pytest.mark.parametrize("per", ["place", "channel", "both"])
@pytest.mark.parametrize("signal_first", [True, False])
@pytest.mark.parametrize("name", GATES)
def test_both_factors_get_their_shares_in_their_own_shape(name: str, signal_first: bool, per: str) -> None:
    torch.manual_seed(0)
    model, images = Gated(signal_first, per).double(), torch.randn(2, 2, 3, 4, dtype=torch.float64)
    composite = Composite("", ((OfKind("conv", "linear", "avgpool"), Transposed()),), start="one")
    engine = LRP(model, composite, gate=name, dtype="float64")
    trace = engine.trace(images, 1)
    signal, gate = model.signal(images).detach(), model.sigmoid(model.gate(model.pool(images))).detach()
    for step, expected, side in zip(
        ("signal", "sigmoid"), FORMULAS[name](trace["mul"], signal, gate), (signal, gate), strict=True
    ):
        result = trace.get(step, torch.zeros_like(side))
        torch.testing.assert_close(result, expected.sum_to_size(side.shape), rtol=1e-12, atol=1e-12)
    assert ("sigmoid" in trace) == GATES[name].opens == ("sigmoid ← Pass()" in str(engine).replace("  ", ""))


class HalfProduct(torch.autograd.Function):
    """s ⊙ g whose derivative times the factor is half of R for each."""

    @staticmethod
    def forward(ctx: Any, s: Tensor, g: Tensor) -> Tensor:
        ctx.save_for_backward(s, g)
        return s * g

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor, Tensor]:
        s, g = ctx.saved_tensors
        return (grad[0] * g / 2).sum_to_size(s.shape), (grad[0] * s / 2).sum_to_size(g.shape)


class PassingSigmoid(torch.autograd.Function):
    """σ(z) whose derivative times z is R."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return z.sigmoid()

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        return grad[0] * z.sigmoid() / z


class Attention(nn.Module):
    """Features times (1 + map) without any bias, where LRP-0 is gradient × input of the two functions above."""

    def __init__(self, product: Callable[..., Tensor] = torch.mul, sigmoid: Callable[..., Tensor] = F.sigmoid) -> None:
        super().__init__()
        self.stem, self.branch = nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(4, 5, 3, padding=1, bias=False)
        self.map, self.last = nn.Conv2d(5, 1, 1, bias=False), nn.Conv2d(4, 6, 3, bias=False)
        self.head = nn.Linear(6, 3, bias=False)
        self.product, self.sigmoid = product, sigmoid

    def forward(self, x: Tensor) -> Tensor:
        features = F.relu(self.stem(x))
        attention = self.sigmoid(self.map(F.relu(self.branch(features))))
        y = self.product(features, attention) + features
        return self.head(F.relu(self.last(y)).mean((2, 3)))


def test_relevance_through_both_branches_is_that_of_autograd_with_other_derivatives() -> None:
    torch.manual_seed(0)
    model, truth = Attention().double(), Attention(HalfProduct.apply, PassingSigmoid.apply).double()
    truth.load_state_dict(model.state_dict())
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(truth(images)[:, 1].sum(), images)
    zero = Epsilon(eps=1e-13)
    composite = Composite("", ((OfKind("conv", "linear", "avgpool"), zero),), start="logit", skip="signed")
    engine = LRP(model, composite, skip=Signed(1e-13), gate="half", dtype="float64")
    result = engine.attribute(images.detach(), 1)
    expected = (images * gradient).detach()
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6 * expected.abs().max().item())
    only = LRP(model, composite, skip=Signed(1e-13), gate="signal", dtype="float64").attribute(images.detach(), 1)
    assert not torch.allclose(only, expected, rtol=1e-2, atol=1e-2 * expected.abs().max().item())


def test_a_signal_that_gates_itself_gets_everything_either_way() -> None:
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    swish = network_of(lambda b, x: F.silu(b.conv(x)))
    for spelling in (lambda b, x: (lambda y: y * y.sigmoid())(b.conv(x)), lambda b, x: F.silu(b.conv(x))):
        result = LRP(network_of(spelling), gate="half", dtype="float64").attribute(images)
        torch.testing.assert_close(result, LRP(swish, dtype="float64").attribute(images), rtol=1e-6, atol=1e-9)


def excited(b: Block, x: Tensor) -> Tensor:
    """Squeeze and excitation, with an identity beside it."""
    y = b.norm(b.conv(x))
    return y * F.hardsigmoid(b.fc(F.relu(b.fc(y.mean((2, 3))))))[:, :, None, None] + x


GATED: dict[str, Callable[[Block, Tensor], Tensor]] = {
    "excited": excited,
    "one plus a gate": lambda b, x: F.relu(b.conv(x)) * (1 + torch.sigmoid(b.other(x))),
    "gate and itself": lambda b, x: x * torch.sigmoid(b.merge(torch.cat((b.conv(x), x), 1))) + x,
    "gated twice": lambda b, x: (
        b.conv(x) * torch.sigmoid(b.other(x)) * torch.tanh(b.fc(x.mean((2, 3))))[..., None, None]
    ),
    "scaled and shifted": lambda b, x: b.conv(x) * (b.scale * b.upsample(b.avgpool(torch.sigmoid(b.norm(x))))),
}


@pytest.mark.parametrize("skip", [name for name, split in SPLITS.items() if not split.copies])
@pytest.mark.parametrize("block", GATED)
def test_nothing_is_lost_unsaid_on_either_way(block: str, skip: str) -> None:
    torch.manual_seed(3)
    images = torch.randn(2, 3, 8, 8)
    model = network_of(GATED[block], lambda b, x: b.conv(F.relu(b.norm(b.conv(x)))) + x, seed=1)
    for composite in ("zplus", "epsilon_plus"):
        engine = LRP(model, composite, skip=skip, gate="half", start="softmax", dtype="float64")
        audit, attribution = engine.audit(images), engine.attribute(images)
        assert audit.error <= 1e-9, audit
        scale = sum(abs(row.relevance_in) for row in audit.rows)
        assert abs(attribution.sum().item() - (audit.start - audit.absorbed)) <= 1e-9 * scale


@pytest.fixture(scope="module")
def attentive() -> AttentionBranchNetwork:
    """An Attention Branch Network of one block a stage."""
    torch.manual_seed(0)
    return randomize_batchnorm(AttentionBranchNetwork(CifarResNet(1, 4), "layer2")).double().eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def test_an_attention_map_m_gets_half_of_its_part_of_one_plus_m(attentive: nn.Module, images: Tensor) -> None:
    """f ⊙ m + f: the product is the main branch and has m / (1 + m) of the sum, of which half goes to the map."""
    trace = LRP(attentive, gate="half", skip="flows_skip", dtype="float64").trace(images)
    m = attentive.attention(images).detach().unsqueeze(1)
    torch.testing.assert_close(trace["mul"], trace["add"] * m / (1 + m))
    torch.testing.assert_close(trace["branch.map.sigmoid"], (trace["mul"] / 2).sum(1, keepdim=True))
    assert 0 < trace["branch.map.sigmoid"].sum() < trace["add"].sum() / 4


@pytest.mark.parametrize("skip", [name for name, split in SPLITS.items() if not split.copies])
def test_what_every_skip_makes_of_the_attention(skip: str, attentive: nn.Module, images: Tensor) -> None:
    """The features are an identity beside the product: without it, half of all goes to the map, and only it, none."""
    engine = LRP(attentive, gate="half", skip=skip, dtype="float64")
    assert f"{SPLITS[skip]} of mul and identity features.layer2.0.relu2" in str(engine)
    trace = engine.trace(images)
    share = (trace["branch.map.sigmoid"].sum() / trace["add"].sum()).item() if "branch.map.sigmoid" in trace else 0.0
    without, only = ("latest", "simple", "residual_only"), ("identity_only",)
    expected = {**dict.fromkeys(without, 0.5), **dict.fromkeys(only, 0.0), "flows_skip_simple": 0.25}
    assert share == pytest.approx(expected[skip]) if skip in expected else 0 < share < 0.25
    every = LRP(attentive, gate="signal", skip=skip, dtype="float64")
    assert not any(name.startswith("branch") for name in every.trace(images))


@pytest.mark.parametrize("composite", [name for name, made in COMPOSITES.items() if made.gate == "signal"])
@pytest.mark.parametrize("bn", ["pass", "fold"])
def test_every_composite_accounts_for_what_it_absorbs_in_both_branches(
    composite: str, bn: str, attentive: nn.Module, images: Tensor
) -> None:
    options: dict[str, Any] = {"mean": [0.5] * 3, "std": [0.5] * 3, "dtype": "float64", "bn": bn, "skip": "flows_skip"}
    engine = LRP(attentive, composite, gate="half", **options)
    audit = engine.audit(images)
    assert audit.error <= 1e-6, audit
    left = engine.attribute(images).sum().item()
    scale = sum(abs(row.relevance_in) for row in audit.rows)
    assert left == pytest.approx(audit.start - audit.absorbed, abs=1e-8 * scale)
    branch = {row.step: row.relevance_out for row in audit.rows if row.step.startswith("branch")}
    convolutions = [name for name, module in attentive.branch.named_modules() if isinstance(module, nn.Conv2d)]
    assert all(branch[f"branch.{name}"] for name in convolutions if not name.startswith("logits"))


def test_a_gate_of_ones_own_is_taken(attentive: nn.Module, images: Tensor) -> None:
    class ToGate(Gate):
        def shares(self, relevance: Tensor, signal: Tensor | None, gate: Tensor | None) -> tuple[Tensor, Tensor]:
            return torch.zeros_like(relevance), relevance

    trace = LRP(attentive, gate=ToGate(), skip="residual_only", dtype="float64").trace(images)
    torch.testing.assert_close(trace["branch.map.sigmoid"], trace["add"].sum(1, keepdim=True))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_goes_through_both_branches(dtype: str, attentive: nn.Module, images: Tensor) -> None:
    exact, rough = (LRP(attentive, gate="half", dtype=d).attribute(images) for d in ("float64", dtype))
    assert (rough - exact).norm() <= 0.1 * exact.norm()


@pytest.mark.parametrize("name", GATES)
def test_images_explained_together_are_explained_alike(name: str, attentive: nn.Module, images: Tensor) -> None:
    engine = LRP(attentive, gate=name, dtype="float64")
    singly = torch.cat([engine.attribute(image[None]) for image in images])
    torch.testing.assert_close(singly, engine.attribute(images), rtol=1e-9, atol=1e-12)
