"""A blot in the middle of the image: the baseline that only knows where photographers put the object."""

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.base import Explainer, shared_by_channels


class Center(Explainer):
    """exp(−d² / 2σ²), d the distance of a pixel from the middle of the image, the same for every image and class.

    - `sigma`: σ as a share of the image's shorter side.
    """

    channels = "shared"
    ignores_target = True

    def __init__(self, model: nn.Module, sigma: float = 0.25) -> None:
        super().__init__(model)
        if not sigma > 0:
            raise UserError(f"sigma={sigma} is not valid; it takes a share of the shorter side above 0")
        self.sigma = sigma

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The Gaussian in equal shares of the channels, (n, C, H, W)."""
        count, channels, height, width = images.shape
        down, right = (torch.arange(n, device=images.device) - (n - 1) / 2 for n in (height, width))
        squared_distance = down.square().unsqueeze(1) + right.square()
        gaussian = torch.exp(-squared_distance / (2 * (self.sigma * min(height, width)) ** 2))
        return shared_by_channels(gaussian.to(images.dtype).expand(count, -1, -1), channels)
