"""Rules for max pooling against slow loops over windows, in one, two and three dimensions."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.lrp import LRP, Composite, Named
from relprop.lrp.gradients import Transposed
from relprop.lrp.graph import Kind
from relprop.lrp.operations import MODULES
from relprop.lrp.pooling import MaxAsAverage, WinnerTakesAll
from relprop.lrp.rule import Rule

EPS = 1e-3
Place = tuple[int, ...]
POOLS: dict[str, tuple[nn.Module, Place]] = {
    "1d": (nn.MaxPool1d(2), (7,)),
    "1d, overlapping": (nn.MaxPool1d(3, 2, 1), (8,)),
    "1d, dilated": (nn.MaxPool1d(3, 1, 1, dilation=2), (9,)),
    "halved": (nn.MaxPool2d(2), (8, 6)),
    "rest left over": (nn.MaxPool2d(2), (7, 5)),
    "overlapping": (nn.MaxPool2d(3, 2, 1), (7, 6)),
    "rounded up": (nn.MaxPool2d(3, 2, ceil_mode=True), (8, 9)),
    "uneven": (nn.MaxPool2d((2, 3), (2, 3)), (6, 9)),
    "gaps": (nn.MaxPool2d(2, 3), (8, 7)),
    "dilated": (nn.MaxPool2d((2, 3), 2, 1, dilation=(3, 2)), (9, 8)),
    "lists": (nn.MaxPool2d([2, 3], [2, 1]), (6, 5)),
    "3d": (nn.MaxPool3d(2, (2, 1, 2)), (4, 3, 5)),
    "3d, overlapping": (nn.MaxPool3d(3, 2, 1), (5, 4, 3)),
}
# Padding gives these more windows than their stride does.
PADDED: dict[str, tuple[nn.Module, Place]] = {
    "padded, 1d": (nn.MaxPool1d(2, 2, 1), (8,)),
    "padded, 2d": (nn.MaxPool2d(2, 2, 1), (8, 6)),
    "padded, rounded up": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), (8, 8)),
    "padded, dilated": (nn.MaxPool2d(2, 2, 1, dilation=2, ceil_mode=True), (8, 6)),
    "padded, 3d": (nn.MaxPool3d(2, 2, 1), (4, 4, 2)),
}
ADAPTIVE: dict[str, tuple[nn.Module, Place]] = {
    "adaptive, 1d": (nn.AdaptiveMaxPool1d(3), (7,)),
    "adaptive, 2d": (nn.AdaptiveMaxPool2d((3, 2)), (7, 6)),
    "adaptive, 3d": (nn.AdaptiveMaxPool3d(2), (3, 4, 5)),
}


def each(*tables: dict[str, tuple[nn.Module, Place]]) -> pytest.MarkDecorator:
    """Once for every pooling of the tables."""
    cases = [pytest.param(*case, id=name) for table in tables for name, case in table.items()]
    return pytest.mark.parametrize(("pool", "size"), cases)


def explained(rule: Rule, pool: nn.Module, images: Tensor, relu: bool = False) -> tuple[Tensor, Tensor]:
    """Relevance of the outputs of `pool`, signed, and of its inputs, both as the engine's trace has them."""
    body = nn.Sequential(
        OrderedDict(before=nn.ReLU() if relu else nn.Identity(), pool=pool, flatten=nn.Flatten())
    ).double()
    body.add_module("head", nn.Linear(body(images).shape[1], 2).double())
    composite = Composite("", ((Named("pool"), rule), (Named("head"), Transposed())), start="one")
    engine = LRP(body, composite, dtype="float64")
    trace = engine.trace(images, torch.arange(len(images)))
    (row,) = (row for row in engine.audit(images, torch.arange(len(images))).rows if row.step == "pool")
    assert row.relevance_in + row.lost == pytest.approx(trace["pool"].sum().item(), abs=1e-9)
    return trace["pool"], trace["before"]


def drawn(size: Place) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 3, *size, dtype=torch.float64)


def every(values: Any, dimensions: int) -> list[int]:
    """An option of pooling, once for every dimension."""
    return list(values) if isinstance(values, tuple | list) else [values] * dimensions


def own_window(pool: Any, size: Place, place: Place) -> list[Place]:
    """The places in the image that output `place` looks at."""
    n = len(size)
    if hasattr(pool, "output_size"):  # adaptive
        counts = every(pool.output_size, n)
        windows = zip(place, size, counts, strict=True)
        return list(product(*(range(p * s // c, math.ceil((p + 1) * s / c)) for p, s, c in windows)))
    options = (every(value, n) for value in (pool.kernel_size, pool.stride, pool.padding, pool.dilation))
    sides = [
        [p * stride - padding + k * dilation for k in range(kernel)]
        for p, kernel, stride, padding, dilation in zip(place, *options, strict=True)
    ]
    return [at for at in product(*sides) if all(0 <= i < s for i, s in zip(at, size, strict=True))]


def stride_window(pool: Any, size: Place, place: Place) -> list[Place]:
    """The places in a window as wide as the stride."""
    strides = every(pool.stride, len(size))
    sides = [range(p * s, min((p + 1) * s, n)) for p, s, n in zip(place, strides, size, strict=True)]
    return list(product(*sides))


def outputs(relevance: Tensor) -> Iterator[tuple[int, int, Place]]:
    for image, channel, *place in product(*map(range, relevance.shape)):
        yield image, channel, tuple(place)


def winner_takes_all(pool: nn.Module, a: Tensor, relevance: Tensor) -> Tensor:
    result = torch.zeros_like(a)
    for image, channel, place in outputs(relevance):
        values = a[image, channel]
        winner = max(own_window(pool, values.shape, place), key=lambda at: values[at].item())  # the first of equals
        result[image, channel][winner] += relevance[image, channel][place]
    return result


def averaged(window: Callable[..., list[Place]], pool: nn.Module, a: Tensor, relevance: Tensor) -> Tensor:
    """R_i = a_i R_j / (avg_j(a) + ε) / |window|."""
    result = torch.zeros_like(a)
    for image, channel, place in outputs(relevance):
        values, inside = a[image, channel], window(pool, a.shape[2:], place)
        average = sum(values[at] for at in inside) / len(inside)
        for at in inside:
            share = values[at] * relevance[image, channel][place] / (average + EPS) / len(inside)
            result[image, channel][at] += share
    return result


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("relu", [False, True])
@each(POOLS, PADDED, ADAPTIVE)
def test_winner_takes_all(pool: nn.Module, size: Place, relu: bool) -> None:
    images = drawn(size)
    relevance, result = explained(WinnerTakesAll(), pool, images, relu)
    close(result, winner_takes_all(pool, images.clamp(min=0) if relu else images, relevance))
    close(result.sum(), relevance.sum())


@each(POOLS, PADDED, ADAPTIVE)
def test_the_first_of_equal_inputs_wins(pool: nn.Module, size: Place) -> None:
    images = drawn(size).round()  # many equals
    relevance, result = explained(WinnerTakesAll(), pool, images)
    close(result, winner_takes_all(pool, images, relevance))


@pytest.mark.parametrize("relu", [False, True])
@each(POOLS)
def test_max_as_average_over_windows_as_wide_as_the_stride(pool: nn.Module, size: Place, relu: bool) -> None:
    """Without a ReLU before, inputs below zero get nothing."""
    images = drawn(size)
    relevance, result = explained(MaxAsAverage(EPS), pool, images, relu)
    close(result, averaged(stride_window, pool, images.clamp(min=0), relevance))


@each(PADDED)
def test_max_as_average_of_more_windows_than_the_stride_gives(pool: nn.Module, size: Place) -> None:
    images = drawn(size).abs()
    relevance, result = explained(MaxAsAverage(EPS), pool, images)
    close(result, averaged(own_window, pool, images, relevance))


@each(ADAPTIVE)
def test_pooling_without_a_stride_has_no_windows_to_average(pool: nn.Module, size: Place) -> None:
    with pytest.raises(UserError, match=r"pool: .* has no windows to average; use the rule WinnerTakesAll"):
        explained(MaxAsAverage(), pool, drawn(size))


def test_every_kind_of_max_pooling_is_here() -> None:
    tested = {type(pool) for pool, _ in (*POOLS.values(), *PADDED.values(), *ADAPTIVE.values())}
    assert tested == {module for module, kind in MODULES.items() if kind is Kind.MAXPOOL}
