"""Grad-CAM++ (Chattopadhay et al. 2018)."""

import torch
from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH
from relprop.explainers.cam import GradientCAM


class GradCAMPlusPlus(GradientCAM):
    """ReLU(Σ_k w_k A_k), w_k = Σ_ij α_ij ReLU(g_ij), g = ∂y/∂A_k (Chattopadhay et al. 2018, eq. 5 and 20).

    With Y = exp(y) in the place of y, and y piecewise linear in A (eq. 12 to 18), the second and third derivatives
    are closed forms: α_ij = g_ij² / (2 g_ij² + g_ij³ Σ_ab A_ab) (eq. 19). The factor exp(y) of ∂Y/∂A, the same for all
    of an image's map, is left out: it would overflow. Never negative.
    """

    def __init__(self, model: nn.Module, layer: str | None = None, max_batch: int = MAX_BATCH) -> None:
        super().__init__(model, layer, max_batch)

    def combine(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """ReLU(Σ_k w_k A_k) (n, h, w); α in lowest terms, 1 / (2 + g Σ A), so that small g do not vanish as g²."""
        denominator = 2 + gradients * activations.sum((2, 3), keepdim=True)
        alpha = torch.where(denominator == 0, 0, 1 / denominator)
        weights = (alpha * gradients.relu()).sum((2, 3), keepdim=True)
        return (weights * activations).sum(1).relu()
