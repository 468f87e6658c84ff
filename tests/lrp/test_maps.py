"""The linear maps against the modules that they stand for, their transposes against ⟨W a, c⟩ = ⟨a, Wᵀ c⟩."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relprop.lrp.maps import (
    LinearMap,
    PoolMap,
    ScaleMap,
    batchnorm_affine,
    fold_batchnorm,
    linear_map,
    transpose,
    vjp,
    wide,
)
from relprop.lrp.operations import Mean
from tests.lrp.layers import LAYERS, POOLED, WEIGHTED

# A warning of torch's own, from the layers that the maps are compared with.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def drawn(name: str) -> tuple[Any, LinearMap, Tensor, Tensor]:
    """A layer, its map, other weights of the same shape, and inputs."""
    torch.manual_seed(0)
    build, shape = LAYERS[name]
    layer = build().double()
    found = linear_map(layer) or PoolMap(layer)
    weight = layer.weight if name in WEIGHTED else torch.ones((), dtype=torch.float64)
    return layer, found, torch.randn_like(weight), torch.randn(2, *shape, dtype=torch.float64)


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", WEIGHTED)
def test_map_of_a_layers_own_weights_is_the_layer(name: str) -> None:
    layer, layer_map, _, a = drawn(name)
    z = layer_map(a, layer.weight, layer.bias)
    close(z, layer(a))
    if layer.bias is not None:
        assert layer.bias.shape == layer_map.outputs(layer.weight)
        close(layer_map(a, layer.weight) + layer_map.broadcast(layer.bias, z), z)


@pytest.mark.parametrize("name", POOLED)
def test_map_of_pooling_is_the_pooling_times_a_number(name: str) -> None:
    layer, layer_map, weight, a = drawn(name)
    shift = torch.tensor(0.5, dtype=torch.float64)
    assert layer_map.outputs(weight) == ()
    close(layer_map(a, weight, shift), layer(a) * weight + shift)


@pytest.mark.parametrize("name", LAYERS)
def test_transpose_is_the_adjoint_for_any_weights(name: str) -> None:
    _, layer_map, weight, a = drawn(name)
    z = layer_map(a, weight)
    c = torch.randn_like(z)
    expected = (z * c).sum()
    back = layer_map.transpose(c, weight, a)
    assert back.shape == a.shape
    close((a * back).sum(), expected)
    anything = a.new_empty(1).expand(a.shape)  # only the shape counts, not the values and their order in memory
    close(layer_map.transpose(c, weight, anything), back)


@pytest.mark.parametrize("name", LAYERS)
def test_transpose_is_a_new_tensor_that_may_be_overwritten(name: str) -> None:
    _, layer_map, weight, a = drawn(name)
    c = torch.randn_like(layer_map(a, weight))
    before = c.clone()
    back = layer_map.transpose(c, weight, a)
    expected = back + 1
    close(back.add_(1), expected)
    assert torch.equal(c, before)


@pytest.mark.parametrize("name", [name for name, (_, shape) in WEIGHTED.items() if len(shape) == 3])
def test_order_in_memory_does_not_matter(name: str) -> None:
    layer, layer_map, _, a = drawn(name)
    c = torch.randn_like(layer(a))
    plain = layer_map(a, layer.weight), layer_map.transpose(c, layer.weight, a)
    a, c, weight = (t.contiguous(memory_format=torch.channels_last) for t in (a, c, layer.weight.detach()))
    for result, expected in zip((layer_map(a, weight), layer_map.transpose(c, weight, a)), plain, strict=True):
        close(result, expected)


@pytest.mark.parametrize("name", WEIGHTED)
def test_weight_gradient_is_that_of_autograd(name: str) -> None:
    _, layer_map, weight, a = drawn(name)
    weight = weight.requires_grad_()
    z = layer_map(a, weight)
    c = torch.randn_like(z)
    (expected,) = torch.autograd.grad(z, weight, c)
    close(layer_map.weight_gradient(a, c, weight.detach()), expected)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", [name for name in WEIGHTED if "sequence" not in name])
def test_batch_norm_folds_into_the_layer_before(name: str, affine: bool) -> None:
    layer, layer_map, _, a = drawn(name)
    outputs, dimensions = layer_map.outputs(layer.weight), max(a.dim() - 2, 1)
    norm = NORMS[dimensions](*outputs, affine=affine).double().eval()
    for value in (norm.running_mean, norm.running_var, *norm.parameters()):
        nn.init.uniform_(value, 0.5, 2.0)
    weight, bias = fold_batchnorm(layer, layer.weight, layer.bias, norm)
    close(layer_map(a, weight, bias), norm(layer(a)))
    scale, shift = batchnorm_affine(norm)
    z = layer(a)
    close(ScaleMap()(z, scale, shift), norm(z))
    close(ScaleMap().transpose(z, scale, z), vjp(norm, z, z))


def test_only_linear_layers_and_batch_norms_have_a_map() -> None:
    assert isinstance(linear_map(nn.BatchNorm1d(3)), ScaleMap)
    assert linear_map(nn.ReLU()) is None and linear_map(nn.AvgPool2d(2)) is None


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_derivatives_whatever_the_mode_of_autograd(mode: Any) -> None:
    torch.manual_seed(0)
    with mode():
        a, c = torch.randn(2, 2, 3, dtype=torch.float64)
        close(vjp(torch.tanh, a, c), c * (1 - a.tanh() ** 2))
        close(transpose(Mean((1,), True), c[:, :1], a.shape), c[:, :1].expand(2, 3) / 3)


def test_weights_of_half_precision_are_widened() -> None:
    assert {wide(torch.ones(1, dtype=dtype)).dtype for dtype in (torch.bfloat16, torch.half, torch.float32)} == {
        torch.float32
    }
    assert wide(torch.ones(1, dtype=torch.float64)).dtype == torch.float64
