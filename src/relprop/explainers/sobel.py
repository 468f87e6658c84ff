"""The edges of the image: a map that knows nothing of the model, as a baseline for those that should."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop.explainers.base import Explainer

SMOOTHED = (1.0, 2.0, 1.0)
DERIVED = (-1.0, 0.0, 1.0)


class Sobel(Explainer):
    """√((S_x ∗ x)² + (S_y ∗ x)²) of every channel x of the normalised image, S_x and S_y the filters of Sobel (1968).

    Each is [−1, 0, 1] along its axis and [1, 2, 1] across it. Beyond the border the image goes on with its last pixel,
    so that the frame is no edge. Adebayo et al. 2018 compare explanations with such an edge detector.
    """

    ignores_target = True

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Edge magnitude (n, C, H, W), 0 where the image is even."""
        across = torch.outer(torch.tensor(SMOOTHED), torch.tensor(DERIVED)).to(images)
        filters = torch.stack([across, across.T]).unsqueeze(1)
        bordered = F.pad(images, (1, 1, 1, 1), mode="replicate").flatten(0, 1).unsqueeze(1)
        magnitude: Tensor = torch.linalg.vector_norm(F.conv2d(bordered, filters), dim=1)
        return magnitude.view(images.shape)
