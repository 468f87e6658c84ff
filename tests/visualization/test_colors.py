import numpy as np
import pytest
import torch
from torch import Tensor

from relprop.visualization.colors import colour_limit, colour_map, colourize, is_signed, scale
from tests.visualization.pictures import random_heatmaps


def lightness(rgb: Tensor) -> Tensor:
    """CIE L* of sRGB colours (..., 3) in [0,1]."""
    rgb = rgb.double()
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    return torch.where(y > 216 / 24389, 116 * y ** (1 / 3) - 16, y * 24389 / 27)


def ramp(low: float, steps: int = 101) -> Tensor:
    return torch.linspace(low, 1, steps).view(1, 1, steps)


def test_the_limit_is_the_quantile_of_the_magnitudes_of_each_map() -> None:
    heatmaps = torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(0))
    heatmaps *= torch.tensor([1, 5, 1e-6]).view(3, 1, 1)
    expected = torch.quantile(heatmaps.abs().flatten(1), 0.999, dim=1)
    torch.testing.assert_close(colour_limit(heatmaps), expected, rtol=1e-5, atol=0)


def test_one_stray_pixel_does_not_darken_a_map() -> None:
    heatmaps = torch.ones(1, 64, 64)
    heatmaps[0, 3, 3] = 1000
    assert colour_limit(heatmaps).item() == 1


def test_a_map_of_so_few_pixels_that_the_quantile_is_zero_takes_its_maximum() -> None:
    heatmaps = torch.zeros(1, 100, 100)
    heatmaps[0, 3, 3] = -7
    assert colour_limit(heatmaps).item() == 7


def test_maps_of_zeros_and_constant_maps_have_finite_colours() -> None:
    heatmaps = torch.stack([torch.zeros(4, 4), torch.full((4, 4), 3.0)])
    colours = colourize(heatmaps).movedim(1, -1)
    ends = torch.from_numpy(colour_map(signed=False)([0.0, 1.0])[:, :3]).float()
    assert torch.equal(colours[0], ends[0].expand(4, 4, 3))
    assert torch.equal(colours[1], ends[1].expand(4, 4, 3))


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 1e20])
def test_the_size_of_the_values_changes_no_colour(factor: float) -> None:
    heatmaps = random_heatmaps(2) - 0.5
    torch.testing.assert_close(colourize(heatmaps * factor), colourize(heatmaps), atol=0.03, rtol=0)


def test_zero_has_exactly_the_neutral_colour_of_the_signed_map() -> None:
    heatmaps = torch.tensor([[[-4.0, 0.0, 1.0]]])
    assert colourize(heatmaps)[0, :, 0, 1].mul(255).round().tolist() == [0xF7] * 3


def test_the_signed_map_is_symmetric_in_lightness_and_blue_below_red_above() -> None:
    colours = colourize(ramp(-1))[0, :, 0].T
    light = lightness(colours)
    torch.testing.assert_close(light, light.flip(0), atol=5.0, rtol=0)
    assert (light[50:].diff() < 0).all()  # the further from zero the darker, also in print without colours
    below, above = colours[:45], colours[56:]
    assert (below[:, 2] > below[:, 0]).all() and (above[:, 0] > above[:, 2]).all()


def test_the_sequential_map_grows_lighter_all_the_way_and_evenly() -> None:
    steps = lightness(colourize(ramp(0))[0, :, 0].T).diff()
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.mean()


def test_a_batch_is_signed_if_any_map_has_negatives_beyond_rounding() -> None:
    heatmaps = random_heatmaps(3)
    assert not is_signed(heatmaps)
    heatmaps[0, 0, 0] = -1e-7
    assert not is_signed(heatmaps)
    heatmaps[0, 0, 0] = -0.1
    assert is_signed(heatmaps)


def test_the_callers_choice_of_map_is_kept() -> None:
    heatmaps = random_heatmaps(1)
    positions = (scale(heatmaps)[0].numpy() + 1) / 2
    expected = colour_map(signed=True)(positions)[..., :3].astype(np.float32)
    np.testing.assert_array_equal(colourize(heatmaps, signed=True)[0].movedim(0, -1).numpy(), expected)


@pytest.mark.parametrize("function", [colour_limit, scale, is_signed, colourize])
def test_input_is_left_alone(function) -> None:
    heatmaps = (random_heatmaps(2) - 0.5).requires_grad_()
    before = heatmaps.detach().clone()
    result = function(heatmaps)
    if isinstance(result, Tensor):
        assert not result.requires_grad
        result.mul_(0)
    assert torch.equal(heatmaps, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_precision_gives_float32_colours(dtype: torch.dtype) -> None:
    colours = colourize(random_heatmaps(2).to(dtype))
    assert colours.dtype == torch.float32
    assert colours.shape == (2, 3, 8, 8) and colours.min() >= 0 and colours.max() <= 1


@pytest.mark.parametrize("function", [colour_limit, scale, is_signed, colourize])
def test_nan_is_refused(function) -> None:
    with pytest.raises(ValueError, match="NaN"):
        function(torch.full((1, 2, 2), float("nan")))
