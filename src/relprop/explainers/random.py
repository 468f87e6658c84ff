"""Random relevance, the floor that any method must beat."""

import torch
from torch import Tensor, nn

from relprop.explainers.base import Explainer
from relprop.seeding import image_generator


class Random(Explainer):
    """Uniform noise in [0, 1) that depends on the image and on `seed` only, not on the batch."""

    ignores_target = True

    def __init__(self, model: nn.Module, seed: int = 0) -> None:
        super().__init__(model)
        self.seed = seed

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Noise (N, C, H, W)."""
        noise = [torch.rand(image.shape, generator=image_generator(image, self.seed, "random map")) for image in images]
        return torch.stack(noise).to(images)
