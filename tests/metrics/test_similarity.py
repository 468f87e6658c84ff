"""Rank correlation against scipy, structural similarity against loops over windows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import Tensor

from relprop.errors import UserError
from relprop.metrics.similarity import rank_correlation, ssim


def pair(seed: int, *shape: int, levels: int | None = None) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, noise = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    maps, others = a, 0.5 * a + noise
    return (maps, others) if levels is None else ((maps * levels).round(), (others * levels).round())


def literal_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over the pixels of SSIM in a Gaussian window of σ = 1.5 and 11×11 pixels, reflected at the rim."""
    a, b = (np.pad(np.abs(m) / np.abs(m).max(), 5, mode="reflect") for m in (a, b))
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for row in range(a.shape[0] - 10):
        for column in range(a.shape[1] - 10):
            x, y = (m[row : row + 11, column : column + 11] for m in (a, b))
            mean_x, mean_y = (window * x).sum(), (window * y).sum()
            spread_x, spread_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
            together = (window * (x - mean_x) * (y - mean_y)).sum()
            top = (2 * mean_x * mean_y + 0.01**2) * (2 * together + 0.03**2)
            values.append(top / ((mean_x**2 + mean_y**2 + 0.01**2) * (spread_x + spread_y + 0.03**2)))
    return float(np.mean(values))


@given(seed=st.integers(0, 1000), size=st.sampled_from([(2, 3), (6, 7)]), levels=st.sampled_from([1, 2, None]))
def test_rank_correlation_equals_scipys(seed: int, size: tuple[int, int], levels: int | None) -> None:
    maps, others = pair(seed, 3, *size, levels=levels)
    maps[:, 0, 0], others[:, 0, 0] = 9, 9  # never constant
    expected = [spearmanr(a, b).statistic for a, b in zip(maps.flatten(1), others.flatten(1), strict=True)]
    assert rank_correlation(maps, others).tolist() == pytest.approx(expected, abs=1e-12)


def test_rank_correlation_of_a_map_with_itself_and_its_opposite() -> None:
    maps, _ = pair(0, 2, 5, 5, levels=2)
    assert rank_correlation(maps, 3 * maps - 1).tolist() == pytest.approx([1, 1], abs=1e-15)
    assert rank_correlation(maps, -maps).tolist() == pytest.approx([-1, -1], abs=1e-15)


def test_a_constant_map_correlates_with_nothing_and_warns() -> None:
    maps, others = pair(0, 3, 4, 4)
    maps[0], others[2] = 0.1, -7
    with pytest.warns(UserWarning, match="constant heatmap"):
        correlations = rank_correlation(maps, others).tolist()
    assert correlations == [0, pytest.approx(spearmanr(maps[1].flatten(), others[1].flatten()).statistic), 0]


@pytest.mark.parametrize("size", [(6, 6), (8, 13)])
def test_ssim_equals_the_literal_one(size: tuple[int, int]) -> None:
    maps, others = pair(1, 3, *size)
    expected = [literal_ssim(a.numpy(), b.numpy()) for a, b in zip(maps, 100 * others, strict=True)]
    assert ssim(maps, others).tolist() == pytest.approx(expected, abs=1e-9)
    assert all(abs(value) < 0.9 for value in expected)


@pytest.mark.parametrize("size", [(2, 2), (3, 40), (5, 5)])
def test_ssim_of_small_maps(size: tuple[int, int]) -> None:
    """The window shrinks; a map is as similar as can be to itself whatever scale and sign, and less to others."""
    maps, others = pair(2, 4, *size)
    assert ssim(maps, -0.2 * maps).tolist() == pytest.approx([1] * 4, abs=1e-9)
    assert (ssim(maps, others) < 0.99).all()


def test_ssim_with_a_map_of_zeros_is_defined() -> None:
    """Nothing is alike but the constants that keep the denominators from 0."""
    maps, _ = pair(3, 2, 8, 8)
    assert ssim(maps, torch.zeros_like(maps)).abs().max() < 0.05
    assert ssim(torch.zeros_like(maps), torch.zeros_like(maps)).tolist() == [1, 1]


def test_ssim_refuses_lines() -> None:
    with pytest.raises(UserError, match="images of 1×8 pixels have no structure to compare"):
        ssim(torch.rand(1, 1, 8), torch.rand(1, 1, 8))
