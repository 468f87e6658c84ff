"""Grad-CAM (Selvaraju et al. 2017)."""

from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH
from relprop.explainers.cam import GradientCAM


class GradCAM(GradientCAM):
    """ReLU(Σ_k α_k A_k), α_k the mean over the positions of ∂y/∂A_k (Selvaraju et al. 2017, eq. 1 and 2).

    - `positive`: the paper's ReLU, before the map is enlarged; False keeps what speaks against the class.
    """

    def __init__(
        self, model: nn.Module, layer: str | None = None, max_batch: int = MAX_BATCH, positive: bool = True
    ) -> None:
        super().__init__(model, layer, max_batch, positive)

    def combine(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """ReLU(Σ_k α_k A_k) (n, h, w), without the ReLU if not `positive`."""
        alpha = gradients.mean((2, 3), keepdim=True)
        cam = (alpha * activations).sum(1)
        return cam.relu() if self.positive else cam
