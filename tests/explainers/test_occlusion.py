"""Occlusion against loops over the squares."""

import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers import get_explainer
from tests.explainers.asking import batches_of, logits_at, small_network

TARGET = torch.tensor([1, 4])


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 20, 16, generator=torch.Generator().manual_seed(0)).double()


def literal(model: nn.Module, images: Tensor, window: int, stride: int, colour: Tensor) -> Tensor:
    """Squares at 0, stride, 2·stride, … until one reaches the border."""
    losses, covered = torch.zeros(2, 20, 16).double(), torch.zeros(20, 16)
    whole = logits_at(model, images, TARGET)
    tops, lefts = (range(0, -(-(side - window) // stride) * stride + 1, stride) for side in (20, 16))
    for top in tops:
        for left in lefts:
            place = (..., slice(top, top + window), slice(left, left + window))
            hidden = images.clone()
            hidden[place] = colour.view(3, 1, 1)
            losses[place] += (whole - logits_at(model, hidden, TARGET)).view(2, 1, 1)
            covered[place] += 1
    assert covered.min() > 0
    return losses / covered


@pytest.mark.parametrize(("window", "stride"), [(8, 5), (6, 6)])
def test_mean_loss_over_the_squares_that_cover_a_pixel(window: int, stride: int, images: Tensor) -> None:
    model, statistics = small_network(), {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3)}
    for baseline, colour in (("mean", torch.zeros(3)), ("black", torch.tensor([-2.0, -2.0, -2.0]))):
        expected = literal(model, images, window, stride, colour.double())
        for max_batch in (7, 32):
            options = {"window": window, "stride": stride, "baseline": baseline, "max_batch": max_batch}
            with batches_of(model) as seen:
                attribution = get_explainer("occlusion", model, **options, **statistics)(images, TARGET)
            assert max(seen) <= max_batch
            torch.testing.assert_close(attribution.sum(1), expected, rtol=1e-6, atol=1e-6)
            assert torch.equal(attribution[:, 0], attribution[:, 2])


def test_window_and_stride_are_shares_of_the_shorter_side_by_default(images: Tensor) -> None:
    model = small_network()
    given = get_explainer("occlusion", model, window=2, stride=1)(images, TARGET)
    assert torch.equal(get_explainer("occlusion", model)(images, TARGET), given)


def test_squares_that_leave_pixels_out_or_do_not_fit_are_refused(images: Tensor) -> None:
    for window, stride, message in (
        (4, 5, "stride=5 is larger than window=4 and would leave pixels out"),
        (17, 5, "window=17 is larger than the image's shorter side, 16 pixels"),
        (0, 1, "window=0 is not valid; it takes a whole number of at least 1, or None"),
    ):
        with pytest.raises(UserError, match=message):
            get_explainer("occlusion", small_network(), window=window, stride=stride)(images, TARGET)
