import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from torch import Tensor

from relprop.visualization.colors import colour_limit, colour_map, colourize, is_signed, limit_text, scale
from tests.visualization.pictures import random_heatmaps

# What a viewer sees who lacks one kind of cones: linear RGB to linear RGB (Machado et al. 2009, severity 1.0).
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def seen(rgb: Tensor, vision: str) -> NDArray[np.float64]:
    """CIELAB of sRGB colours (..., 3) in [0,1] as they look to a viewer."""
    values = rgb.double().numpy()
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = (linear @ np.array(VISION[vision]).T).clip(0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


def lightness(rgb: Tensor) -> Tensor:
    """CIE L* of sRGB colours (..., 3) in [0,1]."""
    return torch.from_numpy(seen(rgb, "normal")[..., 0])


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


@pytest.mark.parametrize("vision", VISION)
def test_signs_are_told_apart_by_every_viewer(vision: str) -> None:
    """From a quarter of full colour on; a difference of 1 is just visible, 10 at a glance."""
    colours = seen(colourize(ramp(-1))[0, :, 0].T, vision)
    differences = deltaE_ciede2000(colours, colours[::-1])
    assert differences[:38].min() > 15 and differences[[0, 25]].min() > 20


@pytest.mark.parametrize("vision", VISION)
def test_the_sequential_map_grows_lighter_all_the_way_and_evenly(vision: str) -> None:
    steps = np.diff(seen(colourize(ramp(0, 52))[0, :, 0].T, vision)[:, 0])
    assert (steps > 0).all()
    assert steps.max() < 1.8 * steps.mean() and np.percentile(steps, 10) > 0.5 * steps.mean()


@pytest.mark.parametrize("arm", [slice(None, 51), slice(50, None)])
def test_both_arms_of_the_signed_map_are_nearly_even(arm: slice) -> None:
    colours = seen(colourize(ramp(-1))[0, :, 0].T[arm], "normal")
    steps = deltaE_ciede2000(colours[1:], colours[:-1])
    assert steps.max() < 2 * steps.mean() and steps.min() > 0.4 * steps.mean()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123456, "100 % = 0.0123"),
        (-12.0, "100 % = 12"),
        (3.8712e-5, "100 % = 3.87e−5"),
        (2e10, "100 % = 2e10"),
        (0.0, "all values are 0"),
    ],
)
def test_the_limit_is_written_in_the_maps_own_unit(value: float, text: str) -> None:
    assert limit_text(torch.full((4, 4), value)) == text


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


def test_a_limit_of_the_callers_stands_in_place_of_the_maps_own() -> None:
    heatmaps = torch.tensor([[[-4.0, 1.0, 2.0]], [[0.0, 3.0, -6.0]]])
    limit = torch.tensor([2.0, 12.0])
    assert scale(heatmaps, limit).tolist() == [[[-1, 0.5, 1]], [[0, 0.25, -0.5]]]
    expected = colour_map(signed=True)([[0, 0.75, 1], [0.5, 0.625, 0.25]])[..., :3].astype(np.float32)
    for shown in (colourize(heatmaps, limit=limit), colourize(heatmaps, True, limit)):
        np.testing.assert_array_equal(shown[:, :, 0].movedim(1, -1).numpy(), expected)
    assert torch.equal(colourize(heatmaps, limit=colour_limit(heatmaps)), colourize(heatmaps))
    with pytest.raises(ValueError, match="NaN"):
        colourize(heatmaps * torch.nan, True, limit)


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
