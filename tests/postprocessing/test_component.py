"""C1C against a literal version: matrices that resize, a flood fill."""

from collections import deque
from math import ceil, exp, floor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from relprop.errors import UserError
from relprop.postprocessing.component import Component

Matrix = NDArray[np.float64]


def mirrored(index: int, length: int) -> int:
    """… 2 1 0 1 2 …: the rim is not repeated."""
    period = max(1, 2 * (length - 1))
    return min(index % period, -index % period)


def blur_matrix(length: int, sigma: float) -> Matrix:
    """Gaussian of 4 standard deviations, over the mirrored signal."""
    radius = int(4 * sigma + 0.5)
    weights = [exp(-0.5 * (offset / sigma) ** 2) if offset else 1.0 for offset in range(-radius, radius + 1)]
    matrix = np.zeros((length, length))
    for i in range(length):
        for offset, weight in zip(range(-radius, radius + 1), weights, strict=True):
            matrix[i, mirrored(i + offset, length)] += weight / sum(weights)
    return matrix


def linear_matrix(old: int, new: int, mirror: bool) -> Matrix:
    """Linear interpolation of `old` pixels at the centres of `new` ones; beyond the rim mirrored, or the rim itself."""
    matrix = np.zeros((new, old))
    for i in range(new):
        position = (i + 0.5) * old / new - 0.5
        for j, weight in ((floor(position), 1 - position % 1), (floor(position) + 1, position % 1)):
            matrix[i, mirrored(j, old) if mirror else min(max(j, 0), old - 1)] += weight
    return matrix


def shrunk(heatmap: Matrix, size: int) -> Matrix:
    rows, columns = (
        linear_matrix(side, size, mirror=True) @ blur_matrix(side, max(0.0, (side / size - 1) / 2))
        for side in heatmap.shape
    )
    return rows @ heatmap @ columns.T


def flood(warm: NDArray[np.bool_], start: tuple[int, int]) -> set[tuple[int, int]]:
    """All pixels that a king reaches from `start` over warm ones."""
    seen, queue = {start}, deque([start])
    while queue:
        row, column = queue.popleft()
        for neighbour in ((row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
            inside = 0 <= neighbour[0] < warm.shape[0] and 0 <= neighbour[1] < warm.shape[1]
            if inside and warm[neighbour] and neighbour not in seen:
                seen.add(neighbour)
                queue.append(neighbour)
    return seen


def components(grid: Matrix) -> list[set[tuple[int, int]]]:
    warm, found = grid > grid.mean(), []
    for pixel in zip(*np.nonzero(warm), strict=True):
        if not any(pixel in component for component in found):
            found.append(flood(warm, pixel))
    return found


def literal(heatmap: Matrix, size: int) -> Matrix:
    grid = shrunk(heatmap, size)
    best = max(components(grid), key=lambda component: max(grid[pixel] for pixel in component))
    kept = np.array([[grid[i, j] if (i, j) in best else 0.0 for j in range(size)] for i in range(size)])
    rows, columns = (linear_matrix(size, side, mirror=False) for side in heatmap.shape)
    return rows @ kept @ columns.T


@pytest.mark.parametrize("shape", [(64, 64), (56, 91), (28, 28), (20, 45), (7, 9), (1, 30)])
@pytest.mark.parametrize("size", [28, 9])
def test_equals_the_literal_version(shape: tuple[int, int], size: int) -> None:
    heatmap = np.random.default_rng(0).random(shape) ** 3
    expected = literal(heatmap, size)
    result = Component(size)(torch.from_numpy(heatmap).unsqueeze(0)).squeeze(0).numpy()
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-12)
    assert 0 < (expected == 0).mean() < 1 or min(shape) == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7).flatmap(lambda side: st.lists(st.integers(0, 4), min_size=side * side, max_size=side * side)))
def test_keeps_a_component_that_holds_the_maximum_and_nothing_else(values: list[int]) -> None:
    """At its own size a map is not resized, so that ties stay ties."""
    side = round(len(values) ** 0.5)
    grid = np.array(values, dtype=np.float64).reshape(side, side)
    result = Component(side)(torch.from_numpy(grid).unsqueeze(0)).squeeze(0).numpy()
    candidates = [
        np.array([[grid[i, j] if (i, j) in component else 0.0 for j in range(side)] for i in range(side)])
        for component in components(grid)
        if max(grid[pixel] for pixel in component) == grid.max()
    ]
    assert any(np.array_equal(result, candidate) for candidate in candidates or [grid])


def test_of_equal_peaks_the_first_row_by_row() -> None:
    heatmap = torch.zeros(1, 6, 6)
    heatmap[0, 0, 0], heatmap[0, 3, 0], heatmap[0, 5, 5] = 2.0, 3.0, 3.0
    expected = torch.zeros(1, 6, 6)
    expected[0, 3, 0] = 3.0
    assert torch.equal(Component(6)(heatmap), expected)


def test_diagonal_neighbours_are_connected_and_height_counts_not_size() -> None:
    heatmap = torch.zeros(1, 6, 6)
    heatmap[0, :3, :3] = 4.0
    heatmap[0, 4, 4], heatmap[0, 5, 5] = 4.5, 2.0
    expected = torch.zeros(1, 6, 6)
    expected[0, 4, 4], expected[0, 5, 5] = 4.5, 2.0
    assert torch.equal(Component(6)(heatmap), expected)


def test_large_map_of_two_blobs_keeps_the_higher_one() -> None:
    rows, columns = torch.meshgrid(torch.arange(112.0), torch.arange(112.0), indexing="ij")
    blobs = [torch.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * s**2)) for r, c, s in [(25, 30, 9), (80, 75, 16)]]
    result = Component()((1.2 * blobs[0] + blobs[1]).unsqueeze(0))[0]
    assert result[25, 30] > 1
    assert result[56:, 56:].max() == 0
    half = ceil(112 / 2)
    assert (result[:half, :half] > 0).sum() == (result > 0).sum()


@pytest.mark.parametrize("size", [1, 0, 28.0, "28", True])
def test_size_is_whole_and_at_least_two(size: object) -> None:
    message = f"^postprocess.component.size={size} is not valid; it takes a whole number of at least 2$"
    with pytest.raises(UserError, match=message):
        Component(size)
