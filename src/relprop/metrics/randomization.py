"""Whether a heatmap depends on what the network has learned: the cascading randomisation of its parameters."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.metrics.base import HeatmapMetric
from relprop.metrics.cascade import cascade, forget
from relprop.metrics.explaining import Explain, explain_again
from relprop.metrics.similarity import rank_correlation, ssim


class Randomization(HeatmapMetric):
    """The model parameter randomisation test (Adebayo et al. 2018, "Sanity Checks for Saliency Maps", NeurIPS).

    The layers of a copy of the network forget what they have learned, from the output down, one more at every stage;
    each stage explains the same class anew and compares with the heatmap that is scored. Means over the stages; lower
    is better, since a method whose maps stay alike does not depend on the weights:

    - "rank_correlation", "abs_rank_correlation": Spearman's, of the maps and of their magnitudes.
    - "ssim": structural similarity of the magnitudes, each map's divided by its largest.

    Rows also have the values of all stages, and in "stages" the names of the layers down to which all is random. A
    layer is a module with parameters of its own, batch norms included, whose running statistics are reset as well (the
    published code leaves these). Weights are drawn as PyTorch draws those of a new layer, the same for every batch.

    - `explain_model`: the method that is scored, for another network: network → (images, target) → heatmaps (N, H, W).
    - `stages`: how many, evenly spread over the layers, the last with all of them random; None: one for every layer.
    """

    def __init__(
        self,
        model: nn.Module,
        explain_model: Callable[[nn.Module], Explain],
        stages: int | None = None,
        seed: int = 0,
    ) -> None:
        better = dict.fromkeys(("rank_correlation", "abs_rank_correlation", "ssim"), "lower")
        super().__init__(model, better, *(f"{name}_stages" for name in better))
        if stages is not None and stages < 1:
            raise UserError(f"stages={stages} must be at least 1, or None for one stage for every layer")
        self.explain_model, self.stages, self.seed = explain_model, stages, seed
        self._layers: list[str] = []

    @property
    def shared(self) -> dict[str, Any]:
        """Names of the layers down to which all is random, one for each stage."""
        return {"stages": [self._layers[count - 1] or type(self.model).__name__ for count in self._counts()]}

    def measure(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None) -> dict[str, Tensor]:
        """Means over the stages, float64 (N,), and the values of the stages, (N, stages)."""
        self._layers = self._layers or cascade(self.model, images[:1])
        reference, counts = heatmaps.to(images.device).double(), self._counts()
        values: dict[str, list[Tensor]] = {name: [] for name in self.scores}
        for count, network in enumerate(forget(self.model, self._layers, self.seed), start=1):
            if count in counts:
                explain = self.explain_model(network)
                maps = explain_again(explain, images, target, f"with {count} layers randomised")
                values["rank_correlation"].append(rank_correlation(reference, maps))
                values["abs_rank_correlation"].append(rank_correlation(reference.abs(), maps.abs()))
                values["ssim"].append(ssim(reference, maps))
        stages = {f"{name}_stages": torch.stack(column, dim=1) for name, column in values.items()}
        return {name: stages[f"{name}_stages"].mean(1) for name in self.scores} | stages

    def _counts(self) -> list[int]:
        """How many layers are random at each stage: i·L/S rounded up, so that the last stage has all."""
        total = len(self._layers)
        stages = min(self.stages or total, total)
        return [-(-i * total // stages) for i in range(1, stages + 1)]
