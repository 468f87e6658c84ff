"""The arithmetic that all proportional rules share: what it leaves alone, what it saves, what it accounts for."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relprop.lrp.graph import Kind
from relprop.lrp.maps import ConvMap, LinearMap
from relprop.lrp.parts import Part, Term, identity, negative, positive, propagate, simplify
from relprop.lrp.rules import Epsilon, Gamma, WSquare, ZPlus
from relprop.lrp.visit import Layer, Ledger, Visit
from tests.lrp.layers import variants


@dataclass
class Counting(LinearMap):
    """A map that counts how often it is asked."""

    map: LinearMap
    calls: Counter[str] = field(default_factory=Counter)

    def __call__(self, a: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        self.calls["forward"] += 1
        return self.map(a, weight, bias)

    def transpose(self, c: Tensor, weight: Tensor, like: Tensor) -> Tensor:
        self.calls["transpose"] += 1
        return self.map.transpose(c, weight, like)


def layer(nonnegative: bool = False, change: Callable[[Tensor], Tensor] = identity) -> Layer:
    """A convolution of six channels, its weights after `change`, with a bias."""
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 4, 3, padding=1).double().requires_grad_(False)
    box = torch.rand(6, dtype=torch.float64)
    found = Layer("conv", Kind.CONV, conv, Counting(ConvMap(conv)), change(conv.weight), conv.bias, nonnegative)
    return replace(found, lowest=-box, highest=1 - box)


def visit(rule: Any, layer: Layer, size: int = 5, seed: int = 0, audits: bool = False) -> Visit:
    """Random images, signed unless the layer says otherwise, and signed relevance, as the engine gives a rule."""
    torch.manual_seed(seed)
    a = torch.randn(2, 6, size, size, dtype=torch.float64)
    a = a.abs() if layer.nonnegative else a
    z = layer.module._conv_forward(a, layer.weight, layer.bias)
    seen = (a if rule.needs_input else None, z if rule.needs_output else None)
    prepared = rule.prepare(layer)
    layer.map.calls.clear()
    return Visit(layer, prepared, a, torch.randn_like(z), layer.module.forward, *seen, Ledger() if audits else None)


CONV_RULES = variants(Kind.CONV)


@pytest.mark.parametrize("rule", CONV_RULES, ids=str)
@pytest.mark.parametrize("nonnegative", [True, False])
def test_the_layers_input_and_weights_stay_as_they_are(rule: Any, nonnegative: bool) -> None:
    conv = layer(nonnegative)
    at = visit(rule, conv)
    tensors = (at.like, conv.weight, conv.bias, conv.lowest, conv.highest)
    before = [tensor.clone() for tensor in tensors]
    first = rule(at)
    assert all(map(torch.equal, tensors, before))
    assert torch.equal(rule(replace(visit(rule, conv), prepared=at.prepared)), first)


@pytest.mark.parametrize("rule", CONV_RULES, ids=str)
def test_behind_a_relu_the_short_cut_gives_the_same(rule: Any) -> None:
    shortcut = visit(rule, layer(nonnegative=True))
    general = replace(shortcut, layer=replace(shortcut.layer, nonnegative=False))
    general.prepared = rule.prepare(general.layer)
    general.relevance, general.z = general.relevance.clone(), None if general.z is None else general.z.clone()
    torch.testing.assert_close(rule(shortcut), rule(general), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("rule", "nonnegative", "forward", "transpose"),
    [
        (Epsilon(), False, 0, 1),  # z is that of the forward pass
        (Epsilon("ignore"), False, 1, 1),
        (ZPlus(), True, 1, 1),
        (ZPlus(), False, 2, 2),
        (Gamma(), True, 2, 2),
        (Gamma(), False, 4, 4),
        (WSquare(), False, 1, 1),
    ],
)
def test_no_convolution_is_done_in_vain(rule: Any, nonnegative: bool, forward: int, transpose: int) -> None:
    conv = layer(nonnegative)
    rule(visit(rule, conv))
    assert conv.map.calls == Counter({"forward": forward, "transpose": transpose})


@pytest.mark.parametrize("rule", [rule for rule in CONV_RULES if not rule.needs_input], ids=str)
def test_what_does_not_depend_on_the_image_is_computed_once_for_each_size(rule: Any) -> None:
    conv = layer()
    first = visit(rule, conv)
    for size, forward in ((5, 1), (5, 0), (4, 1), (5, 0)):
        conv.map.calls.clear()
        at = visit(rule, conv, size, seed=size)
        fresh = rule(at)
        conv.map.calls.clear()
        at = replace(visit(rule, conv, size, seed=size), prepared=first.prepared)
        assert torch.equal(rule(at), fresh)
        assert conv.map.calls["forward"] == forward


@pytest.mark.parametrize("change", [positive, negative, torch.zeros_like])
@pytest.mark.parametrize("rule", CONV_RULES, ids=str)
def test_weights_of_one_sign_leave_nothing_unaccounted(rule: Any, change: Callable[[Tensor], Tensor]) -> None:
    """Terms that are always zero are left out; what nothing can take is the stabilizer's or the bias's."""
    at = visit(rule, layer(nonnegative=True, change=change), audits=True)
    arrived = at.relevance.sum().item()
    handed_on = rule(at)
    assert handed_on.isfinite().all()
    assert handed_on.sum().item() + sum(at.ledger.entries.values()) == pytest.approx(arrived, abs=1e-9)
    if getattr(rule, "bias", "") == "distribute":
        assert not any(at.ledger.entries.values())


def test_only_outputs_of_one_sign_take_part() -> None:
    part = Part((Term(identity, layer().weight),), eps=0.1)
    at = visit(Gamma(), layer())
    for where, takes_part in (("positive", at.z >= 0), ("negative", at.z < 0)):
        some, rest = (replace(at, relevance=at.relevance * mask, z=at.z.clone()) for mask in (takes_part, ~takes_part))
        only = simplify(replace(part, where=where), at.layer)
        torch.testing.assert_close(propagate([only], some), propagate([simplify(part, at.layer)], some))
        assert not propagate([only], rest).any()


def test_a_part_is_the_forward_pass_only_with_the_same_input_weights_and_bias() -> None:
    conv = layer()
    same = Part((Term(identity, conv.weight),), bias=conv.bias)
    assert simplify(same, conv).is_forward
    other = (
        replace(same, bias=None),
        replace(same, bias=conv.bias.clone()),
        replace(same, terms=(Term(identity, conv.weight.clone()),)),
        replace(same, terms=(Term(positive, conv.weight),)),
        replace(same, terms=(*same.terms, Term(negative, conv.weight))),
    )
    assert not any(simplify(part, conv).is_forward for part in other)
    nonnegative = layer(nonnegative=True)
    behind_relu = Part((Term(positive, nonnegative.weight), Term(negative, nonnegative.weight)), bias=nonnegative.bias)
    assert simplify(behind_relu, nonnegative).is_forward


def test_equal_shares_do_not_count_padding() -> None:
    """The bias's relevance in a corner goes to the four pixels there, that of the middle to all nine."""
    conv = nn.Conv2d(1, 1, 3, padding=1).double().requires_grad_(False)
    conv.weight.zero_()
    conv.bias.fill_(1)
    only_bias = Layer("conv", Kind.CONV, conv, ConvMap(conv), conv.weight, conv.bias, False)
    rule, a = Epsilon("distribute", eps=1e-9), torch.ones(1, 1, 3, 3, dtype=torch.float64)
    for place, reached in (((0, 0), (slice(2), slice(2))), ((1, 1), (slice(3), slice(3)))):
        relevance = torch.zeros_like(a)
        relevance[0, 0][place] = 1
        at = Visit(only_bias, rule.prepare(only_bias), a, relevance, conv.forward, a, conv(a))
        expected = torch.zeros_like(a)
        expected[0, 0][reached] = 1 / expected[0, 0][reached].numel()
        torch.testing.assert_close(rule(at), expected, rtol=1e-9, atol=1e-12)
