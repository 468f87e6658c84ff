"""What stands in for hidden pixels."""

import pytest
import torch

from relprop.errors import UserError
from relprop.explainers.baselines import Baseline

IMAGES, MEAN, STD = torch.ones(2, 3, 4, 4), (0.5, 0.25, 0.125), (0.5, 0.25, 1.0)


def test_mean_colour_is_zero_and_black_is_what_normalising_black_gives() -> None:
    assert torch.equal(Baseline("mean")(IMAGES), torch.zeros_like(IMAGES))
    black = Baseline("black", MEAN, STD)(IMAGES.double())
    assert black.shape == IMAGES.shape
    assert black.dtype == torch.float64
    assert black[:, :, 1, 2].tolist() == [[-1.0, -1.0, -0.125]] * 2


def test_black_needs_statistics_of_every_channel() -> None:
    for mean, std, message in (
        (None, None, "baseline=black is 0 before the normalisation and needs its mean and std; give both, or take"),
        (MEAN, None, r"mean=.*, std=None: both or none must be given"),
        (MEAN[:2], STD[:2], "mean and std have 2 numbers, but the images 3 channels"),
    ):
        with pytest.raises(UserError, match=message):
            Baseline("black", mean, std)(IMAGES)


def test_other_names_are_refused() -> None:
    with pytest.raises(UserError, match="baseline=grey is unknown; choose one of: mean, black"):
        Baseline("grey")
