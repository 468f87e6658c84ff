"""Reductions against their formulas, written out for one pixel."""

import numpy as np
import pytest
import torch

from relprop.errors import UserError
from relprop.postprocessing import REDUCTIONS, reduce_channels

ONE_PIXEL = {
    "sum": lambda red, green, blue: red + green + blue,
    "abs_sum": lambda red, green, blue: abs(red) + abs(green) + abs(blue),
    "positive_sum": lambda *channels: sum(value for value in channels if value > 0),
    "max": max,
    "luminance": lambda red, green, blue: 0.299 * red + 0.587 * green + 0.114 * blue,
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_every_pixel_follows_the_formula(name: str) -> None:
    attribution = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    before = attribution.clone()
    expected = np.apply_along_axis(lambda pixel: ONE_PIXEL[name](*pixel), 1, attribution.numpy())
    result = reduce_channels(attribution, name)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-14, atol=1e-15)
    assert torch.equal(attribution, before)
    assert reduce_channels(attribution.float(), name).dtype == torch.float32


def test_all_but_luminance_take_any_number_of_channels() -> None:
    grey = torch.tensor([[[[1.5, -2.0]]]])
    expected = {"sum": [1.5, -2.0], "abs_sum": [1.5, 2.0], "positive_sum": [1.5, 0.0], "max": [1.5, -2.0]}
    for name in set(REDUCTIONS) - {"luminance"}:
        assert reduce_channels(grey, name).tolist() == [[expected[name]]]
    with pytest.raises(
        UserError, match="^reduction=luminance takes three channels, red, green and blue, not 1; choose"
    ):
        reduce_channels(grey, "luminance")


def test_refusals() -> None:
    with pytest.raises(
        UserError, match="^reduction=nope is unknown; choose one of: sum, abs_sum, positive_sum, max, lum"
    ):
        reduce_channels(torch.zeros(1, 3, 2, 2), "nope")
    with pytest.raises(UserError, match=r"^attributions must be \(N, C, H, W\), not \(3, 2, 2\)$"):
        reduce_channels(torch.zeros(3, 2, 2), "sum")
