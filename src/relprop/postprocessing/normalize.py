"""Heat on a common scale: outliers cut off, values in [−1, 1]."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.postprocessing.step import Step
from relprop.registry import choose

# What of a map is looked at. Evidence against the class becomes heat, so that "negative" gives values ≥ 0, as captum.
SIGNS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "all": lambda heatmaps: heatmaps,
        "positive": lambda heatmaps: heatmaps.clamp(min=0),
        "negative": lambda heatmaps: (-heatmaps).clamp(min=0),
        "absolute": lambda heatmaps: heatmaps.abs(),
    }
)


@dataclass(frozen=True)
class Normalize(Step):
    """Values of one `sign`, divided by a scale of their image and cut off at ±1, as by captum (Kokhlikyan et al. 2020).

    "all" keeps signs and gives [−1, 1]; "positive", "negative" and "absolute" give [0, 1]. The scale is the smallest
    magnitude such that all magnitudes up to it make (100 − `outlier_percentile`) % of their sum over the image. A map
    with nothing of that sign becomes 0.
    """

    name: ClassVar[str] = "normalize"
    sign: str = "all"
    outlier_percentile: float = 2.0

    def __post_init__(self) -> None:
        choose("postprocess.normalize.sign", self.sign, SIGNS)
        value = self.outlier_percentile
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 100:
            raise UserError(
                f"postprocess.normalize.outlier_percentile={value} is not valid; it takes a number from 0 to below 100"
            )

    def apply(self, heatmaps: Tensor) -> Tensor:
        heat = SIGNS[self.sign](heatmaps)
        magnitudes = heat.abs().flatten(1).sort(1).values
        sums = magnitudes.double().cumsum(1)
        percent, wanted = 100 * sums, (100 - self.outlier_percentile) * sums[:, -1:]
        scale = magnitudes.gather(1, torch.searchsorted(percent, wanted)).unsqueeze(2)
        return torch.where(scale > 0, heat / scale, 0).clamp(-1, 1)
