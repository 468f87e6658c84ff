"""Every rule against a literal form of its formula: the Jacobian as a matrix, sums written out, float64."""

import pytest
import torch
from torch import Tensor, nn

from relprop.lrp.linear import LinearMap
from relprop.lrp.rules import Layer, MaxAsAverage, Pass, Proportional, WinnerTakesAll, ZPlus, ZPlusOnes

EPS = 1e-3
LAYERS = {
    "conv": (lambda: nn.Conv2d(3, 4, 3, padding=1), (3, 6, 5)),
    "strided": (lambda: nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False), (3, 7, 6)),
    "dilated": (lambda: nn.Conv2d(2, 3, 3, dilation=2), (2, 7, 6)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2, padding=1), (4, 5, 5)),
    "same": (lambda: nn.Conv2d(2, 3, 3, padding="same"), (2, 5, 5)),
    "valid": (lambda: nn.Conv2d(2, 3, 2, padding="valid"), (2, 5, 5)),
    "linear": (lambda: nn.Linear(6, 5), (6,)),
}


def weighted(name: str, nonnegative: bool) -> tuple[Layer, Tensor, Tensor]:
    """A random layer, its input (2, …) and a relevance of its output."""
    torch.manual_seed(0)
    build, shape = LAYERS[name]
    module = build().double()
    a = torch.randn(2, *shape, dtype=torch.float64)
    a = a.clamp(min=0) if nonnegative else a
    bias = None if module.bias is None else module.bias.detach()
    layer = Layer(module, LinearMap(module), module.weight.detach(), bias, nonnegative)
    return layer, a, torch.randn_like(module(a)).detach()


def jacobian(module: nn.Module, shape: torch.Size) -> Tensor:
    """W (outputs, inputs) of a linear module, its bias left out."""
    zeros = torch.zeros(1, *shape, dtype=torch.float64)
    basis = torch.eye(zeros.numel(), dtype=torch.float64).view(-1, *shape)
    with torch.no_grad():
        return (module(basis) - module(zeros)).flatten(1).T


def share_out(products: Tensor, relevance: Tensor) -> Tensor:
    """R_i = Σ_j p_ij R_j / (Σ_i p_ij + ε) for products (images, outputs, inputs)."""
    c = relevance.flatten(1) / (products.sum(2) + EPS)
    return torch.einsum("noi,no->ni", products, c)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("nonnegative", [True, False])
def test_zplus(name: str, nonnegative: bool) -> None:
    layer, a, relevance = weighted(name, nonnegative)
    products = (jacobian(layer.module, a.shape[1:]) * a.flatten(1).unsqueeze(1)).clamp(min=0)
    rule = ZPlus(EPS)
    result = rule(layer, rule.prepare(layer), a, relevance.clone())
    torch.testing.assert_close(result.flatten(1), share_out(products, relevance), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_zplus_forms_agree_on_nonnegative_input(name: str) -> None:
    layer, a, relevance = weighted(name, nonnegative=True)
    general = Layer(layer.module, layer.map, layer.weight, layer.bias, nonnegative=False)
    rule = ZPlus(EPS)
    fast = rule(layer, rule.prepare(layer), a, relevance.clone())
    torch.testing.assert_close(fast, rule(general, rule.prepare(general), a, relevance.clone()), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_zplus_ones(name: str) -> None:
    layer, a, relevance = weighted(name, nonnegative=False)
    products = jacobian(layer.module, a.shape[1:]).clamp(min=0).expand(2, -1, -1)
    rule = ZPlusOnes(EPS)
    prepared = rule.prepare(layer)
    for _ in range(2):  # the second time from the stored denominator
        result = rule(layer, prepared, a, relevance.clone())
        torch.testing.assert_close(result.flatten(1), share_out(products, relevance), rtol=1e-9, atol=1e-12)


POOLS = {
    "average": nn.AvgPool2d(2),
    "overlapping": nn.AvgPool2d(3, 2, padding=1),
    "uncounted padding": nn.AvgPool2d(3, 2, padding=1, count_include_pad=False, ceil_mode=True),
    "adaptive": nn.AdaptiveAvgPool2d((3, 2)),
    "adaptive, upwards": nn.AdaptiveAvgPool2d((9, 8)),
    "global": nn.AdaptiveAvgPool2d(1),
}


def pooled(module: nn.Module, size: tuple[int, int] = (7, 6)) -> tuple[Layer, Tensor, Tensor]:
    torch.manual_seed(1)
    a = torch.rand(2, 3, *size, dtype=torch.float64)
    return Layer(module, LinearMap(module), None, None, True), a, torch.randn_like(module(a))


@pytest.mark.parametrize("name", POOLS)
def test_proportional(name: str) -> None:
    layer, a, relevance = pooled(POOLS[name])
    products = jacobian(layer.module, a.shape[1:]) * a.flatten(1).unsqueeze(1)
    result = Proportional(EPS)(layer, None, a, relevance.clone())
    torch.testing.assert_close(result.flatten(1), share_out(products, relevance), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("pool", "size"),
    [
        (nn.MaxPool2d(2), (8, 6)),
        (nn.MaxPool2d(2), (7, 5)),
        (nn.MaxPool2d(3, 2, 1), (8, 6)),
        (nn.MaxPool2d(3, 2, 1), (7, 5)),
        (nn.MaxPool2d(3, 2, ceil_mode=True), (8, 9)),
        (nn.MaxPool2d(3, 2), (9, 8)),
        (nn.MaxPool2d((2, 3), (2, 3)), (6, 9)),
    ],
)
def test_max_as_average(pool: nn.MaxPool2d, size: tuple[int, int]) -> None:
    """R_i = a_i R_j / (avg_j(a) + ε) / |window|, one window, one row and one column at a time."""
    layer, a, relevance = pooled(pool, size)
    height, width = pool.stride if isinstance(pool.stride, tuple) else (pool.stride, pool.stride)
    expected = torch.zeros_like(a)
    for row in range(relevance.shape[2]):
        for column in range(relevance.shape[3]):
            rows = slice(row * height, (row + 1) * height)
            columns = slice(column * width, (column + 1) * width)
            window = a[:, :, rows, columns]
            average = window.mean((2, 3), keepdim=True)
            share = window * relevance[:, :, row, column, None, None] / (average + EPS)
            expected[:, :, rows, columns] += share / (window.shape[2] * window.shape[3])
    result = MaxAsAverage(EPS)(layer, None, a, relevance.clone())
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2, 2, 1), nn.MaxPool2d(3, 2, 1, ceil_mode=True)])
def test_max_as_average_of_more_windows_than_the_stride_gives(pool: nn.MaxPool2d) -> None:
    layer, a, relevance = pooled(pool, (8, 8))
    own = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, count_include_pad=False)
    products = jacobian(own, a.shape[1:]) * a.flatten(1).unsqueeze(1)
    result = MaxAsAverage(EPS)(layer, None, a, relevance.clone())
    torch.testing.assert_close(result.flatten(1), share_out(products, relevance), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 2, ceil_mode=True)])
def test_winner_takes_all_is_the_gradient_of_max_pooling(pool: nn.MaxPool2d) -> None:
    layer, a, relevance = pooled(pool)
    a = a.requires_grad_()
    (expected,) = torch.autograd.grad(pool(a), a, relevance)
    result = WinnerTakesAll()(layer, None, a.detach(), relevance.clone())
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(result.sum(), relevance.sum())


def test_pass_changes_nothing() -> None:
    layer, a, _ = pooled(nn.MaxPool2d(2))
    relevance = torch.randn_like(a)
    torch.testing.assert_close(Pass()(layer, None, a, relevance.clone()), relevance, rtol=0, atol=0)
