"""Orders and random numbers that depend on seed, epoch and image only."""

from itertools import chain

import numpy as np
import pytest
import torch

from relprop.data.memory import TensorImages
from relprop.data.order import EpochShuffle, draw_numbers


def images(count: int) -> TensorImages:
    return TensorImages(torch.zeros(count, 3, 1, 1, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64))


def order(count: int, epoch: int, process: int = 0, processes: int = 1) -> list[int]:
    sampler = EpochShuffle(images(count), 7, process, processes)
    sampler.set_epoch(epoch)
    positions = list(sampler)
    assert len(positions) == len(sampler)
    return positions


@pytest.mark.parametrize("processes", [2, 3])
def test_the_batches_of_all_processes_are_one_batch_of_one(processes: int) -> None:
    size, whole = 4, order(24, epoch=3)
    parts = [order(24, 3, process, processes) for process in range(processes)]
    for k in range(24 // (size * processes)):
        together = {i for part in parts for i in part[k * size : (k + 1) * size]}
        assert together == set(whole[k * size * processes : (k + 1) * size * processes])


def test_processes_take_equally_many_steps_and_leave_no_image_out() -> None:
    parts = [order(10, 0, process, 4) for process in range(4)]
    assert [len(part) for part in parts] == [3] * 4
    counts = np.bincount([*chain(*parts)], minlength=10)
    assert counts.min() == 1 and counts.sum() == 12
    assert set(np.flatnonzero(counts == 2)) == set(order(10, 0)[:2])


def test_images_are_told_the_epoch_in_memory_that_processes_share() -> None:
    given = images(3)
    EpochShuffle(given, 0).set_epoch(5)
    assert given.epoch.is_shared() and given.epoch == 5


def test_numbers_are_uniform_and_those_of_seed_and_epoch() -> None:
    numbers = draw_numbers(3, 2, images=20_000, each=2)
    assert numbers.shape == (20_000, 2) and numbers.dtype == np.float32
    assert 0 <= numbers.min() < 1e-3 < 1 - 1e-3 < numbers.max() < 1
    assert np.abs(np.histogram(numbers, 10)[0] - 4000).max() < 300
    assert np.array_equal(numbers, draw_numbers(3, 2, 20_000, 2))
    for other in (draw_numbers(3, 1, 20_000, 2), draw_numbers(2, 2, 20_000, 2)):
        assert abs(np.corrcoef(numbers.ravel(), other.ravel())[0, 1]) < 0.02
