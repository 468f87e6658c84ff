import pytest
import torch

from relprop.data.subset import balanced_positions, choose_positions, last_tenth, positions_per_class


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


def test_so_many_of_each_class_are_drawn_by_seed():
    labels = torch.arange(20).repeat(30)
    positions = positions_per_class(labels, 5, seed=0)
    assert positions == sorted(set(positions))
    assert labels[positions].bincount().tolist() == [5] * 20
    assert positions == positions_per_class(labels, 5, seed=0) != positions_per_class(labels, 5, seed=1)


def test_what_is_drawn_from_a_class_depends_on_no_other_class():
    labels = torch.arange(4).repeat_interleave(9)
    some = torch.where(labels == 2, 2, 7)
    of_two = [p for p in positions_per_class(labels, 3, seed=4) if labels[p] == 2]
    assert of_two == [p for p in positions_per_class(some, 3, seed=4) if labels[p] == 2]


def test_every_image_of_a_class_may_be_drawn():
    labels = torch.zeros(8, dtype=torch.int64)
    assert {p for seed in range(60) for p in positions_per_class(labels, 2, seed)} == set(range(8))


def test_a_class_with_too_few_images_gives_all_and_that_is_said(caplog):
    labels = torch.tensor([0] * 2 + [1] * 9)
    with caplog.at_level("WARNING"):
        positions = positions_per_class(labels, 4, seed=0)
    assert labels[positions].bincount().tolist() == [2, 4]
    assert caplog.messages == ["1 classes have fewer than 4 test images and give all they have: 0"]


def test_last_tenth_of_each_class_but_never_all_of_it():
    labels = torch.tensor([0] * 20 + [1] * 3 + [2])
    assert last_tenth(labels).nonzero().flatten().tolist() == [18, 19, 22]


def test_choice_is_per_class_or_of_all_or_all():
    labels = torch.arange(40) % 4
    assert choose_positions(labels, None, 3, seed=7) == positions_per_class(labels, 3, 7)
    for limit in (1, 20, 39):
        assert choose_positions(labels, limit, None, seed=7) == balanced_positions(labels, limit)
    for limit in (40, 41, None):
        assert choose_positions(labels, limit, None, seed=7) == list(range(40))
