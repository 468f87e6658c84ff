"""Heat quantization against the published algorithm, written out, and against the maps of the golden file."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from relprop.errors import UserError
from relprop.postprocessing.quantize import Quantize
from tests.golden_files import keys, tensors


def edges_of(heatmap: Tensor, levels: int) -> NDArray[np.floating]:
    return np.linspace(heatmap.min().item(), heatmap.max().item(), levels).astype(heatmap.numpy().dtype)


def level_by_level(heatmap: Tensor, edges: NDArray[np.floating]) -> NDArray[np.int64]:
    """For every value the index of the edge that it is lowered to: one pair of neighbouring edges after the other."""
    values = heatmap.numpy()
    level = np.full(values.shape, len(edges) - 1)
    for i in range(len(edges) - 1):
        level[(values >= edges[i]) & (values < edges[i + 1])] = i
    return level


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [2, 3, 8, 100])
def test_equals_the_algorithm_written_out(levels: int, dtype: torch.dtype) -> None:
    heatmaps = torch.randn(3, 20, 30, generator=torch.Generator().manual_seed(0), dtype=dtype)
    for heatmap, result in zip(heatmaps, Quantize(levels)(heatmaps), strict=True):
        edges = edges_of(heatmap, levels)
        np.testing.assert_array_equal(result.numpy(), edges[level_by_level(heatmap, edges)])


@pytest.mark.parametrize("key", [key for key in keys("otsuki2024") if key.endswith("flows_skip.filter1.0")])
def test_golden_maps_fall_to_the_same_edges_however_these_are_rounded(key: str) -> None:
    """Levels differ by far more than the tolerance."""
    heatmaps = tensors("otsuki2024")[key]
    for heatmap, result in zip(heatmaps, Quantize(8)(heatmaps), strict=True):
        low, high = heatmap.min(), heatmap.max()
        for edges in (torch.linspace(low, high, 8).numpy(), np.linspace(low.numpy(), high.numpy(), 8)):
            np.testing.assert_allclose(result.numpy(), edges[level_by_level(heatmap, edges)], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=2, max_size=30),
    levels=st.integers(2, 12),
)
def test_lowered_by_less_than_a_step_and_only_once(values: list[float], levels: int) -> None:
    heatmap = torch.tensor([[values]])
    result = Quantize(levels)(heatmap)
    step = (heatmap.max().double() - heatmap.min().double()) / (levels - 1)
    assert (result <= heatmap).all()
    assert ((heatmap.double() - result.double()) <= step * (1 + 1e-5) + heatmap.abs().max() * 1e-6).all()
    assert len(result.unique()) <= levels
    assert (result.min(), result.max()) == (heatmap.min(), heatmap.max())
    assert torch.equal(Quantize(levels)(result), result)


def test_only_the_maximum_is_at_the_top() -> None:
    heatmap = torch.arange(15.0).view(1, 3, 5)
    expected = [[0, 0, 2, 2, 4], [4, 6, 6, 8, 8], [10, 10, 12, 12, 14]]
    assert Quantize()(heatmap).tolist() == [expected]


@pytest.mark.parametrize("levels", [1, 0, -8, 2.0, "8", True, None])
def test_levels_are_whole_and_at_least_two(levels: object) -> None:
    message = f"^postprocess.quantize.levels={levels} is not valid; it takes a whole number of at least 2$"
    with pytest.raises(UserError, match=message):
        Quantize(levels)
