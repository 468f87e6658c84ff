"""A reduction and steps, in order: one thing to call, and to name beside every number."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from relprop.postprocessing.reductions import REDUCTIONS, reduce_channels
from relprop.postprocessing.step import Step
from relprop.registry import choose


@dataclass(frozen=True)
class Pipeline:
    """Attributions (N, C, H, W) → heatmaps (N, H, W): one of `REDUCTIONS` over the channels, then `steps` in order."""

    reduction: str = "sum"
    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        choose("reduction", self.reduction, REDUCTIONS)

    def __call__(self, attribution: Tensor) -> Tensor:
        """Raises `UserError` that names the images if a step is given NaN or infinite values."""
        heatmaps = reduce_channels(attribution, self.reduction)
        for step in self.steps:
            heatmaps = step(heatmaps)
        return heatmaps

    def describe(self) -> dict[str, Any]:
        """Names and options, for rows and summaries: {"reduction": "sum", "postprocess": ["quantize(levels=8)"]}."""
        return {"reduction": self.reduction, "postprocess": [str(step) for step in self.steps]}
