"""Shares of an addition F + S: literal formulas, 0/0, cancellation, broadcast sides."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.lrp import LRP, SPLITS, Composite, OfKind
from relprop.lrp.gradients import Transposed
from relprop.lrp.residual import Addition
from relprop.lrp.splits import FlowsSkip, Gamma, IdentityOnly, Signed, Split, quotient

ADDITIONS = {kind: Addition(main=1, shortcut=0, kind=kind) for kind in ("identity", "projection")}


def by_magnitude(f: float, s: float) -> float:
    return abs(f) / (abs(f) + abs(s)) if f or s else 0.5


def signed(f: float, s: float) -> float:
    eps = Signed().eps if f + s >= 0 else -Signed().eps
    return (f + eps * by_magnitude(f, s)) / (f + s + eps)


def amplified(f: float, s: float) -> float:
    f, s = (x * (1 + Gamma().gamma) if (x >= 0) == (f + s >= 0) else x for x in (f, s))
    return f / (f + s) if f or s else 0.5


# The main branch's share at identity and at projection shortcuts; None: both sides get everything.
FORMULAS: dict[str, tuple[Callable[[float, float], float] | None, ...]] = {
    "latest": (lambda f, s: 1.0, by_magnitude),
    "simple": (lambda f, s: 1.0, lambda f, s: 0.5),
    "flows_skip": (by_magnitude, by_magnitude),
    "flows_skip_simple": (lambda f, s: 0.5, lambda f, s: 0.5),
    "signed": (signed, signed),
    "gamma": (amplified, amplified),
    "residual_only": (lambda f, s: 1.0, lambda f, s: 1.0),
    "identity_only": (lambda f, s: 0.0, lambda f, s: 0.0),
    "copy": (None, None),
}


def share(split: Split, kind: str, main: Tensor, shortcut: Tensor, nonnegative: bool = False) -> Tensor:
    """The split's share; makes sure that it leaves F and S alone and only looks at them if it says so."""
    addition = Addition(1, 0, kind, nonnegative)
    values = (main.clone(), shortcut.clone()) if split.needs_values(addition) else (None, None)
    result = torch.as_tensor(split.share(addition, *values), dtype=main.dtype)
    if split.needs_values(addition):
        assert torch.equal(values[0], main) and torch.equal(values[1], shortcut)
    return result


@pytest.mark.parametrize("kind", ADDITIONS)
@pytest.mark.parametrize("skip", SPLITS)
def test_share_of_the_main_branch(skip: str, kind: str) -> None:
    torch.manual_seed(0)
    formula = FORMULAS[skip][list(ADDITIONS).index(kind)]
    f, s = torch.randn(2, 200, dtype=torch.float64)
    if formula is None:
        assert SPLITS[skip].copies
        return
    for shortcut, nonnegative in ((s, False), (s.abs(), False), (s.abs(), True)):
        expected = torch.tensor([formula(*pair) for pair in zip(f.tolist(), shortcut.tolist(), strict=True)])
        result = share(SPLITS[skip], kind, f, shortcut, nonnegative).expand_as(f)
        torch.testing.assert_close(result, expected.double(), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", ADDITIONS)
@pytest.mark.parametrize("skip", SPLITS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_nothing_plus_nothing_is_halved_and_cancellation_stays_finite(skip: str, kind: str, dtype: torch.dtype) -> None:
    split = SPLITS[skip]
    zero = torch.tensor([0.0, -0.0], dtype=dtype)
    f = torch.tensor([1.0, -1.0, 1e-4, 3e3], dtype=dtype)
    assert share(split, kind, f, -f).isfinite().all()
    if split.needs_values(ADDITIONS[kind]):
        assert share(split, kind, zero, zero.flip(0)).tolist() == [0.5, 0.5]
        assert share(split, kind, zero, torch.zeros_like(zero)).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("skip", SPLITS)
def test_only_signed_shares_are_ever_beyond_nothing_and_all(skip: str) -> None:
    torch.manual_seed(0)
    for kind in ADDITIONS:
        share_of_main = share(SPLITS[skip], kind, *torch.randn(2, 1000))
        inside = bool(((share_of_main >= 0) & (share_of_main <= 1)).all())
        assert inside is (skip not in ("signed", "gamma"))


VALUES = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-200)


@settings(max_examples=300, deadline=None)
@given(f=VALUES, s=VALUES, gamma=st.floats(1e-3, 1e3), cancels=st.booleans())
def test_gamma_shares_stay_within_their_bound(f: float, s: float, gamma: float, cancels: bool) -> None:
    """|F' / (F' + S')| ≤ (1 + γ)/γ for both sides, also where F and S cancel."""
    main, shortcut = torch.tensor([[f], [-f if cancels else s]], dtype=torch.float64)
    result = share(Gamma(gamma), "identity", main, shortcut).item()
    bound = (1 + gamma) / gamma * (1 + 1e-9)
    assert abs(result) <= bound
    assert abs(1 - result) <= bound


def test_gamma_goes_from_signed_shares_to_winner_takes_all() -> None:
    torch.manual_seed(0)
    f, s = torch.randn(2, 100, dtype=torch.float64)
    few, many = (share(Gamma(gamma), "identity", f, s) for gamma in (1e-9, 1e9))
    torch.testing.assert_close(few, f / (f + s), rtol=1e-6, atol=1e-6)
    opposed = (f >= 0) != (s >= 0)
    torch.testing.assert_close(many[opposed], (f.abs() > s.abs())[opposed].double(), rtol=0, atol=1e-5)
    with pytest.raises(UserError, match="gamma=0 must be above 0; without γ the split is 'signed'"):
        Gamma(0)


def test_quotient_is_written_into_the_total() -> None:
    part, total = torch.tensor([1.0, 0.0, -2.0]), torch.tensor([4.0, 0.0, 1.0])
    assert quotient(part, total) is total
    assert total.tolist() == [0.25, 0.5, -2.0]
    assert part.tolist() == [1.0, 0.0, -2.0]


class Sides(nn.Module):
    """F + S from one image; either side may be broadcast."""

    def __init__(self, main_pooled: bool, shortcut_pooled: bool) -> None:
        super().__init__()
        self.main = nn.Sequential(nn.AdaptiveAvgPool2d(1) if main_pooled else nn.Identity(), nn.Conv2d(2, 2, 1))
        self.shortcut = nn.AdaptiveAvgPool2d(1) if shortcut_pooled else nn.Identity()
        self.head = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.main(x) + self.shortcut(x))


@pytest.mark.parametrize("pooled", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("skip", SPLITS)
def test_both_sides_get_their_shares_in_their_own_shape(skip: str, pooled: tuple[bool, bool]) -> None:
    torch.manual_seed(0)
    model, images = Sides(*pooled).double(), torch.randn(2, 2, 3, 4, dtype=torch.float64)
    model(images)
    composite = Composite("", ((OfKind("conv", "linear", "avgpool"), Transposed()),), start="one", skip=skip)
    trace = LRP(model, composite, dtype="float64").trace(images, 1)
    main, shortcut = model.main(images).detach(), model.shortcut(images)
    relevance, split = trace["add"], SPLITS[skip]
    part = torch.ones_like(relevance) if split.copies else share(split, "identity", main, shortcut) * relevance
    to_main, rest = (relevance, relevance) if split.copies else (part, relevance - part)
    for name, expected, side in (("main.1", to_main, main), ("shortcut", rest, shortcut)):
        result = trace.get(name, torch.zeros_like(side))
        torch.testing.assert_close(result, expected.sum_to_size(side.shape), rtol=1e-9, atol=1e-12)
        if expected.any():
            assert name in trace


def test_a_split_that_looks_at_nothing_says_so() -> None:
    looking: dict[str, Any] = {skip: split.needs_values(ADDITIONS["identity"]) for skip, split in SPLITS.items()}
    assert {skip for skip, looks in looking.items() if looks} == {"flows_skip", "signed", "gamma"}
    assert FlowsSkip().needs_values(ADDITIONS["projection"]) and not IdentityOnly().needs_values(ADDITIONS["identity"])
