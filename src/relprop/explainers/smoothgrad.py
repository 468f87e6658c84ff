"""SmoothGrad (Smilkov et al. 2017): gradients at noisy copies of an image."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.base import MAX_BATCH, Explainer
from relprop.explainers.gradient import input_gradient
from relprop.seeding import image_generator


class SmoothGrad(Explainer):
    """Mean of ∂y/∂x over `samples` images x + ε, ε ~ N(0, σ²) (Smilkov et al. 2017, "SmoothGrad", §3).

    - `noise`: σ as a share of max − min of each normalised image.
    - `seed`: the noise depends on it and on the image only.
    """

    fewest_samples = 1

    def __init__(
        self,
        model: nn.Module,
        samples: int = 25,
        noise: float = 0.15,
        seed: int = 0,
        max_batch: int = MAX_BATCH,
        positive: bool = False,
    ) -> None:
        super().__init__(model, max_batch, positive)
        if samples < self.fewest_samples:
            raise UserError(
                f"samples={samples} is not valid; it takes a whole number of at least {self.fewest_samples}"
            )
        if not 0 <= noise < math.inf:
            raise UserError(f"noise={noise} is not valid; it takes a share of max − min of the image, as 0.15")
        self.samples, self.noise, self.seed = samples, noise, seed

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Σ_s ∂y/∂x (x + ε_s) / samples, (n, C, H, W)."""
        total = torch.zeros_like(images)
        for gradient in self.noisy_gradients(images, target):
            total += gradient
        return total / self.samples

    def noisy_gradients(self, images: Tensor, target: Tensor) -> Iterator[Tensor]:
        """∂y/∂x at x + ε, (n, C, H, W), for one draw of ε after the other; `max_batch` pictures at once."""
        sigma = self.noise * (images.amax((1, 2, 3), keepdim=True) - images.amin((1, 2, 3), keepdim=True))
        generators = [image_generator(image, self.seed, "noisy gradients") for image in images]
        at_once = max(1, self.max_batch // len(images))
        for start in range(0, self.samples, at_once):
            count = min(at_once, self.samples - start)
            # One draw at a time: torch's numbers for two at once are others.
            draws = [torch.randn(images.shape[1:], generator=own) for _ in range(count) for own in generators]
            epsilon = sigma.repeat(count, 1, 1, 1) * torch.stack(draws).to(images)
            noisy = images.repeat(count, 1, 1, 1) + epsilon
            gradients = input_gradient(self.model, noisy, target.repeat(count))
            yield from torch.split(gradients, len(images))
