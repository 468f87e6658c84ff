"""Integrated gradients against their definition, and their completeness."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers import get_explainer
from tests.explainers.asking import batches_of, logits_at, small_network

MEAN, STD, TARGET = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), torch.tensor([1, 4])


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()


def literal(model: nn.Module, image: Tensor, reference: Tensor, target: int, steps: int) -> Tensor:
    """One gradient at a time, Gauss and Legendre's points and weights from numpy."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(image)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        here = (reference + point * (image - reference)).unsqueeze(0).requires_grad_()
        (slope,) = torch.autograd.grad(model(here)[0, target], here)
        total += weight * slope[0]
    return (image - reference) * total


@pytest.mark.parametrize("baseline", ["mean", "black"])
def test_definition_whatever_goes_through_the_network_at_once(baseline: str, images: Tensor) -> None:
    model = small_network()
    black = -torch.tensor(MEAN).double() / torch.tensor(STD).double()
    reference = (torch.zeros(3) if baseline == "mean" else black).view(3, 1, 1).expand(3, 16, 16).double()
    expected = torch.stack([literal(model, x, reference, t, 7) for x, t in zip(images, TARGET.tolist(), strict=True)])
    for max_batch in (1, 3, 32):
        with batches_of(model) as seen:
            options = {"baseline": baseline, "mean": MEAN, "std": STD, "max_batch": max_batch}
            attribution = get_explainer("integrated_gradients", model, steps=7, **options)(images, TARGET)
        assert max(seen) <= max_batch
        assert sum(seen) == 14
        # captum keeps points and weights in float32
        torch.testing.assert_close(attribution, expected, rtol=1e-5, atol=1e-6 * expected.abs().max().item())


def test_values_sum_to_what_the_image_adds(images: Tensor) -> None:
    model = small_network()
    attribution = get_explainer("integrated_gradients", model, steps=48)(images, TARGET)
    added = logits_at(model, images, TARGET) - logits_at(model, torch.zeros_like(images), TARGET)
    torch.testing.assert_close(attribution.sum((1, 2, 3)), added, rtol=0.01, atol=0.0)


def test_positive_leaves_out_what_speaks_against_the_class(images: Tensor) -> None:
    signed, positive = (
        get_explainer("integrated_gradients", small_network(), steps=2, positive=p)(images, TARGET)
        for p in (False, True)
    )
    assert signed.min() < 0
    assert torch.equal(positive, signed.clamp(min=0))


def test_bad_options_are_refused() -> None:
    with pytest.raises(UserError, match="steps=0 is not valid; it takes a whole number of at least 1"):
        get_explainer("integrated_gradients", small_network(), steps=0)
    with pytest.raises(UserError, match="baseline=grey is unknown; choose one of: mean, black"):
        get_explainer("integrated_gradients", small_network(), baseline="grey")
