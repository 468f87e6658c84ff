"""The blot in the middle against the Gaussian, pixel by pixel."""

import math

import pytest
import torch
from torch import nn

from relprop.explainers.center import Center

MODEL = nn.Sequential(nn.Flatten(), nn.Flatten())


def test_tall_and_wide_images_have_the_same_blot() -> None:
    wide, tall = (Center(MODEL)(torch.zeros(1, 1, *size), 0) for size in ((5, 11), (11, 5)))
    torch.testing.assert_close(wide, tall.mT)


@pytest.mark.parametrize("sigma", [0.25, 1.0])
def test_is_the_gaussian(sigma: float) -> None:
    attribution = Center(MODEL, sigma=sigma)(torch.randn(2, 3, 6, 9), 0)
    width = sigma * 6
    for row in range(6):
        for column in range(9):
            expected = math.exp(-((row - 2.5) ** 2 + (column - 4) ** 2) / (2 * width**2))
            assert attribution[:, :, row, column].sum(1).tolist() == pytest.approx([expected] * 2, rel=1e-5)
    assert attribution.argmax() in (2 * 9 + 4, 3 * 9 + 4)


def test_default_is_a_quarter_of_the_shorter_side() -> None:
    images = torch.zeros(1, 1, 9, 41, dtype=torch.float64)
    attribution = Center(MODEL)(images, 0)
    assert attribution.dtype == torch.float64
    assert attribution[0, 0, 4, 20] == 1
    assert attribution[0, 0, 4, 24].item() == pytest.approx(math.exp(-(4**2) / (2 * (9 / 4) ** 2)), rel=1e-6)
    assert torch.equal(attribution, attribution.flip(2)) and torch.equal(attribution, attribution.flip(3))


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_width_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match=f"sigma={sigma} is not valid; it takes a share of the shorter side above 0"):
        Center(MODEL, sigma=sigma)
