"""Heat quantization (Otsuki et al. 2024, ECCV)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from relprop.postprocessing.step import Step, check_whole_number


@dataclass(frozen=True)
class Quantize(Step):
    """Each value is lowered to its edge: the largest of `levels` values, evenly spaced from minimum to maximum of its
    image, that is not above it. So only the maximum itself stays at the top level.

    The edges are computed in float64 and rounded to the dtype of the map, as the published code does with its NumPy 1.
    """

    name: ClassVar[str] = "quantize"
    levels: int = 8

    def __post_init__(self) -> None:
        check_whole_number("quantize.levels", self.levels, least=2)

    def apply(self, heatmaps: Tensor) -> Tensor:
        heat = heatmaps.flatten(1).contiguous()
        low, high = heat.double().aminmax(dim=1, keepdim=True)
        edges = low + torch.arange(self.levels, device=heat.device) * ((high - low) / (self.levels - 1))
        edges = torch.cat([edges[:, :-1], high], 1).to(heat.dtype)
        level = torch.searchsorted(edges, heat, right=True) - 1
        return edges.gather(1, level).view_as(heatmaps)
