"""How much a heatmap changes under small noise on the image."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.metrics.base import HeatmapMetric
from relprop.metrics.explaining import Explain, explain_again
from relprop.seeding import image_generator


class Stability(HeatmapMetric):
    """Max-sensitivity (Yeh et al. 2019, "On the (In)fidelity and Sensitivity of Explanations", NeurIPS).

    "max_sensitivity": the largest ‖Φ(x + δ) − Φ(x)‖ / ‖Φ(x)‖ (Frobenius) over some δ, drawn uniformly from
    [−radius, radius] for every pixel and channel; lower is better. The paper does not divide; captum, whose defaults
    these are, does, so that maps of any scale compare. Φ(x) are the heatmaps that are scored, Φ(x + δ) those that
    `explain` gives. An image's noise depends on the image and on `seed` only, not on the batch. Where Φ(x) is zero
    everywhere, the change is not divided, with a warning.

    - `explain`: the method that is scored, (images, target) → heatmaps (N, H, W), post-processed like those.
    - `samples`: how many δ; one explanation each.
    - `radius`: in units of the normalised images, that is, in standard deviations of the data set.
    """

    def __init__(
        self, model: nn.Module, explain: Explain, samples: int = 10, radius: float = 0.02, seed: int = 0
    ) -> None:
        super().__init__(model, {"max_sensitivity": "lower"})
        if samples < 1:
            raise UserError(f"samples={samples} must be at least 1")
        if not radius > 0:
            raise UserError(f"radius={radius} must be above 0, in units of the normalised images")
        self.explain, self.samples, self.radius, self.seed = explain, samples, radius, seed

    @property
    def description(self) -> dict[str, Any]:
        """How often the images were disturbed, and by how much."""
        return {"samples": self.samples, "radius": self.radius}

    def measure(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None) -> dict[str, Tensor]:
        """Max-sensitivity, float64 (N,)."""
        reference = heatmaps.to(images.device).double()
        generators = [image_generator(image, self.seed) for image in images]
        largest = reference.new_zeros(len(reference))
        for _ in range(self.samples):
            uniform = torch.stack([torch.rand(images.shape[1:], generator=generator) for generator in generators])
            disturbed = images + (self.radius * (2 * uniform - 1)).to(images)
            change = explain_again(self.explain, disturbed, target, "under noise") - reference
            largest = torch.maximum(largest, _norm(change))
        norm = _norm(reference)
        if (norm == 0).any():
            warnings.warn("a heatmap of zeros has no norm; its largest change is not divided by it", stacklevel=2)
        return {"max_sensitivity": largest / torch.where(norm == 0, 1.0, norm)}


def _norm(maps: Tensor) -> Tensor:
    """Frobenius norm of each map: (N, H, W) → (N,)."""
    return maps.square().sum((1, 2)).sqrt()
