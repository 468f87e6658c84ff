"""Gini sparseness and entropy against loops over pairs of pixels, and where their values are known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from relprop.metrics.complexity import Complexity

VALUES = st.floats(-100, 100, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6)
SIZES = st.tuples(st.integers(1, 5), st.integers(1, 5))


def rows(heatmaps: Tensor) -> list[dict[str, float]]:
    metric = Complexity(nn.Identity())
    metric.update(torch.zeros(len(heatmaps), 3, *heatmaps.shape[1:]), heatmaps, torch.zeros(len(heatmaps)).long())
    return metric.rows


def mean_absolute_difference_gini(values: list[float]) -> float:
    """Half the mean absolute difference of all pairs, relative to the mean."""
    n, total = len(values), sum(values)
    return sum(abs(a - b) for a in values for b in values) / (2 * n * total)


def sorted_sum_gini(values: list[float]) -> float:
    """As Chalasani et al. 2020 write it: 1 − 2 Σ v₍ₖ₎/‖v‖₁ · (n − k + ½)/n, ascending, k from 1."""
    n, total = len(values), sum(values)
    return 1 - 2 * sum(v / total * (n - k + 0.5) / n for k, v in enumerate(sorted(values), start=1))


@given(size=SIZES, data=st.data())
def test_equals_the_literal_definitions(size: tuple[int, int], data: st.DataObject) -> None:
    n = size[0] * size[1]
    values = data.draw(st.lists(VALUES, min_size=n, max_size=n).filter(any))
    (row,) = rows(torch.tensor(values).view(1, *size))
    magnitudes = [abs(value) for value in values]
    shares = [m / math.fsum(magnitudes) for m in magnitudes]
    assert row["gini"] == pytest.approx(mean_absolute_difference_gini(magnitudes), abs=1e-12)
    assert row["gini"] == pytest.approx(sorted_sum_gini(magnitudes), abs=1e-12)
    assert row["entropy"] == pytest.approx(-sum(p * math.log(p) for p in shares if p), abs=1e-12)


@given(size=SIZES, seed=st.integers(0, 1000), scale=st.floats(1e-20, 1e20), sign=st.sampled_from([-1, 1]))
def test_scale_and_sign_do_not_matter(size: tuple[int, int], seed: int, scale: float, sign: int) -> None:
    heatmap = torch.randn(1, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    (row,), (scaled,) = rows(heatmap), rows(sign * scale * heatmap)
    assert scaled == pytest.approx(row, abs=1e-12)


def test_known_values() -> None:
    uniform, one_hot = torch.full((4, 8), -0.3), torch.zeros(4, 8)
    one_hot[2, 5] = -7
    halves = torch.cat([torch.zeros(2, 8), torch.ones(2, 8)])
    first, second, third = rows(torch.stack([uniform, one_hot, halves]))
    assert (first["gini"], first["entropy"]) == (pytest.approx(0, abs=1e-15), pytest.approx(math.log(32)))
    assert (second["gini"], second["entropy"]) == (pytest.approx(1 - 1 / 32), 0)
    assert (third["gini"], third["entropy"]) == (pytest.approx(0.5), pytest.approx(math.log(16)))


def test_a_map_of_zeros_counts_as_uniform_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="a heatmap of zeros"):
        empty, other = rows(torch.stack([torch.zeros(3, 4), torch.eye(4)[:3]]))
    assert (empty["gini"], empty["entropy"]) == (pytest.approx(0, abs=1e-15), pytest.approx(math.log(12)))
    assert other["entropy"] == pytest.approx(math.log(3))


def test_an_image_does_not_depend_on_its_neighbours() -> None:
    heatmaps = torch.randn(5, 7, 9)
    assert rows(heatmaps) == [row for heatmap in heatmaps for row in rows(heatmap[None])]


def test_compute_is_the_mean_and_knows_what_is_better() -> None:
    metric = Complexity(nn.Identity(), resize=True)
    for heatmaps in (torch.rand(2, 8, 8), torch.rand(1, 4, 4)):
        metric.update(torch.zeros(len(heatmaps), 3, 8, 8), heatmaps, torch.zeros(len(heatmaps)).long())
    assert metric.better == {"gini": "higher", "entropy": "lower"}
    for name, mean in metric.compute().items():
        assert mean == pytest.approx(sum(row[name] for row in metric.rows) / 3)
