import pytest
import torch

from relprop.data.subset import balanced_positions


def test_classes_are_equal_and_positions_ascend():
    labels = torch.arange(10).repeat(20)
    positions = balanced_positions(labels, 50)
    assert positions == sorted(set(positions))
    assert labels[positions].bincount().tolist() == [5] * 10


def test_positions_are_evenly_spread_in_each_class():
    labels = torch.arange(2).repeat_interleave(100)
    assert balanced_positions(labels, 8) == [12, 37, 62, 87, 112, 137, 162, 187]


def test_fewer_images_than_classes_spread_over_the_classes():
    labels = torch.arange(1000)
    assert balanced_positions(labels, 4) == [125, 375, 625, 875]


def test_small_class_gives_all_and_the_others_more():
    labels = torch.tensor([0] * 2 + [1] * 50 + [2] * 50)
    assert labels[balanced_positions(labels, 22)].bincount().tolist() == [2, 10, 10]


@pytest.mark.parametrize("count", range(1, 31))
def test_any_count_is_met(count):
    labels = torch.tensor([0] * 3 + [2] * 7 + [5] * 20)  # classes 1, 3 and 4 have no image
    positions = balanced_positions(labels, count)
    assert len(set(positions)) == count
