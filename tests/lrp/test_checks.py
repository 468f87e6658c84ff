"""Images are checked before anything is computed, against the layer that they go to first."""

import math

import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.lrp.checks import check_images, pixel_box
from relprop.lrp.tracing import trace
from tests.networks import dimensional, network_of


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_wanted_shape_is_that_of_the_first_convolution(dimensions: int) -> None:
    graph = trace(dimensional(dimensions))
    sides = [8] * dimensions
    check_images(torch.zeros(1, 2, *sides), graph)
    wanted = ", ".join("NC" + "DHW"[3 - dimensions :])
    for shape in ((1, 2, *sides, 8), (2, *sides)):
        with pytest.raises(UserError, match=rf"floating-point tensor \({wanted}\), not torch.float32"):
            check_images(torch.zeros(shape), graph)
    with pytest.raises(UserError, match="images have 3 channels; the network takes 2"):
        check_images(torch.zeros(1, 3, *sides), graph)


@pytest.mark.parametrize("before", [nn.Dropout(), nn.BatchNorm2d(3), nn.ReLU(), nn.Identity()])
def test_the_first_convolution_is_found_behind_steps_that_keep_the_shape(before: nn.Module) -> None:
    with pytest.raises(UserError, match="images have 1 channels; the network takes 3"):
        check_images(torch.zeros(1, 1, 8, 8), trace(nn.Sequential(before, network_of())))


def test_a_network_of_dense_layers_takes_features() -> None:
    graph = trace(nn.Sequential(nn.Linear(6, 3)))
    check_images(torch.zeros(2, 6), graph)
    with pytest.raises(UserError, match=r"floating-point tensor .*, not torch.float32 \(6,\)"):
        check_images(torch.zeros(6), graph)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_all_floating_point_types_are_images(dtype: torch.dtype) -> None:
    check_images(torch.zeros(1, 3, 8, 8, dtype=dtype), trace(network_of()))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.complex64])
def test_other_types_are_not(dtype: torch.dtype) -> None:
    with pytest.raises(UserError, match=f"floating-point tensor .*, not {dtype}"):
        check_images(torch.zeros(1, 3, 8, 8, dtype=dtype), trace(network_of()))


@pytest.mark.parametrize("images", [None, [1.0], "cat.png", 3])
def test_what_is_no_tensor_is_named_by_its_type(images: object) -> None:
    with pytest.raises(UserError, match=f"not {type(images).__name__}$"):
        check_images(images, trace(network_of()))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_exactly_the_bad_images_are_listed(value: float) -> None:
    images: Tensor = torch.zeros(5, 3, 8, 8)
    images[[0, 4], 1, 2, 3] = value
    with pytest.raises(UserError, match=r"^images \[0, 4\] contain NaN or infinite pixels$"):
        check_images(images, trace(network_of()))


def test_pixel_box_is_what_black_and_white_become() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    lowest, highest = pixel_box(mean, std)
    black, white = ((torch.full((3,), shade) - torch.tensor(mean)) / torch.tensor(std) for shade in (0.0, 1.0))
    torch.testing.assert_close(torch.tensor(lowest), black)
    torch.testing.assert_close(torch.tensor(highest), white)
    assert pixel_box(None, None) is None
