"""VarGrad (Adebayo et al. 2018)."""

import torch
from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH
from relprop.explainers.smoothgrad import SmoothGrad


class VarGrad(SmoothGrad):
    """Variance of ∂y/∂x over the noisy images of SmoothGrad, of which there must be two at least; never negative.

    Adebayo et al. 2018, "Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values".
    """

    fewest_samples = 2

    def __init__(
        self, model: nn.Module, samples: int = 25, noise: float = 0.15, seed: int = 0, max_batch: int = MAX_BATCH
    ) -> None:
        super().__init__(model, samples, noise, seed, max_batch)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Σ_s (g_s − ḡ)² / samples, (n, C, H, W), with a running mean ḡ (Welford 1962): no sample is kept."""
        mean, squares = torch.zeros_like(images), torch.zeros_like(images)
        for seen, gradient in enumerate(self.noisy_gradients(images, target), start=1):
            difference = gradient - mean
            mean += difference / seen
            squares += difference.square() * (1 - 1 / seen)
        return squares / self.samples
