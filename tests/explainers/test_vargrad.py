"""VarGrad against the variance of all gradients, and a network whose variance is known."""

import pytest
import torch
from torch import Tensor, nn

from relprop.explainers.gradient import input_gradient
from relprop.explainers.smoothgrad import SmoothGrad
from relprop.explainers.vargrad import VarGrad
from relprop.seeding import image_generator


class Squares(nn.Module):
    """Logits Σ x² / 2 and Σ x: the gradients are x and 1. And one with a large constant slope, 1000 x + x² / 2."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        half = flat.square().sum(1) / 2
        return torch.stack([half, flat.sum(1), 1000 * flat.sum(1) + half], 1)


def test_is_the_variance_of_the_gradients_of_the_noisy_copies() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.Softplus(), nn.Flatten(), nn.Linear(6 * 9, 4)).double()
    images, target = torch.randn(2, 3, 5, 5).double(), torch.tensor([3, 1])
    for max_batch in (1, 5, 32):
        attribution = VarGrad(model, samples=6, noise=0.2, seed=3, max_batch=max_batch)(images, target)
        for image, label, variance in zip(images, target, attribution, strict=True):
            generator = image_generator(image, 3, "noisy gradients")
            sigma = 0.2 * (image.max() - image.min())
            copies = torch.stack([image + sigma * torch.randn(3, 5, 5, generator=generator) for _ in range(6)])
            gradients = input_gradient(model, copies, label.expand(6))
            torch.testing.assert_close(variance, ((gradients - gradients.mean(0)) ** 2).mean(0))


def test_of_squares_it_is_the_variance_of_the_noise() -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 8, 8)
    variance = (0.1 * (images.amax((1, 2, 3)) - images.amin((1, 2, 3)))).square()
    measured = VarGrad(Squares(), samples=200, noise=0.1)(images, 0)
    torch.testing.assert_close(measured.mean((1, 2, 3)), variance, rtol=0.03, atol=0)
    # E[g²] − E[g]² in float32 would be off by 1000² · 1e-7, which is as much as the variance.
    torch.testing.assert_close(VarGrad(Squares(), samples=200, noise=0.1)(images, 2), measured, rtol=0.02, atol=1e-4)


def test_it_is_zero_where_the_gradient_does_not_change_and_negative_nowhere() -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(VarGrad(Squares())(images, 1), torch.zeros_like(images))
    assert VarGrad(Squares(), samples=2, noise=1e-6)(images, 2).min() >= 0


def test_it_has_the_noise_of_smoothgrad() -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 3, 8, 8)
    mean, variance = SmoothGrad(Squares(), samples=2)(images, 0), VarGrad(Squares(), samples=2)(images, 0)
    generators = [image_generator(image, 0, "noisy gradients") for image in images]
    sigma = 0.15 * (images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True))
    first, second = (
        images + sigma * torch.stack([torch.randn(3, 8, 8, generator=own) for own in generators]) for _ in range(2)
    )
    torch.testing.assert_close(mean, (first + second) / 2)
    torch.testing.assert_close(variance, ((first - second) / 2) ** 2, rtol=1e-4, atol=1e-5)


def test_one_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="samples=1 is not valid; it takes a whole number of at least 2"):
        VarGrad(Squares(), samples=1)
