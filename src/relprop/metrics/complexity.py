"""How few pixels a heatmap is about: sparseness by the Gini index, and entropy."""

import warnings

import torch
from torch import Tensor, nn

from relprop.metrics.base import HeatmapMetric


class Complexity(HeatmapMetric):
    """How concentrated the magnitudes |h| of a heatmap are, whatever their scale.

    - "gini": Gini index of |h|, from 0 (all n pixels alike) to 1 − 1/n (one pixel has all); higher is sparser
      (Chalasani et al. 2020, "Concise Explanations of Neural Networks using Adversarial Training", ICML).
    - "entropy": −Σ p ln p in nats, of the shares p = |h| / Σ|h|, from ln n (all pixels alike) to 0 (one pixel has all);
      lower is less complex (Bhatt et al. 2020, "Evaluating and Aggregating Feature-based Model Explanations", IJCAI).

    A map of zeros counts as one whose pixels are all alike, with a warning. The model is not asked.
    """

    def __init__(self, model: nn.Module, *, resize: bool = False) -> None:
        super().__init__(model, {"gini": "higher", "entropy": "lower"}, resize=resize)

    def measure(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None) -> dict[str, Tensor]:
        """Gini index and entropy, float64 (N,) each."""
        magnitudes = heatmaps.double().abs().flatten(1)
        empty = magnitudes.amax(1) == 0
        if empty.any():
            warnings.warn("a heatmap of zeros counts as one whose pixels are all alike", stacklevel=2)
        shares = torch.where(empty.unsqueeze(1), 1.0, magnitudes)
        shares = shares / shares.sum(1, keepdim=True)
        return {"gini": gini(shares), "entropy": torch.special.entr(shares).sum(1)}


def gini(shares: Tensor) -> Tensor:
    """Gini index of non-negative shares (N, n) that add up to 1: Σᵢ Σⱼ |pᵢ − pⱼ| / 2n, by one sort, (N,).

    In ascending order, the k-th of the n shares exceeds k − 1 others and falls short of n − k.
    """
    n = shares.shape[1]
    k = torch.arange(1, n + 1, device=shares.device)
    return (shares.sort(dim=1).values * (2 * k - n - 1)).sum(1) / n
