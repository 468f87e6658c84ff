"""Random relevance, the floor that any method must beat."""

import torch
from torch import Tensor, nn

from relprop.explainers.base import Explainer


class Random(Explainer):
    """Uniform noise in [0, 1) that depends on the image and on `seed` only, not on the batch."""

    def __init__(self, model: nn.Module, seed: int = 0) -> None:
        super().__init__(model)
        self.seed = seed

    def __call__(self, images: Tensor, target: Tensor) -> Tensor:
        """Noise (N, C, H, W)."""
        return torch.stack([self._noise(image) for image in images])

    def _noise(self, image: Tensor) -> Tensor:
        content = image.detach().cpu().contiguous().view(torch.int32).sum(dtype=torch.int64).item()
        generator = torch.Generator().manual_seed(hash((self.seed, content)) & 0x7FFF_FFFF_FFFF_FFFF)
        return torch.rand(image.shape, generator=generator).to(image.device)
