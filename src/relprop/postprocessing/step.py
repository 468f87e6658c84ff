"""What every step of post-processing is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar

from torch import Tensor

from relprop.errors import UserError


@dataclass(frozen=True)
class Step(ABC):
    """Heatmaps (N, H, W) → heatmaps of the same shape, dtype and device, each image for itself.

    A subclass is a frozen dataclass: its fields are the options, `apply` is the mathematics. `str(step)` names the step
    with all its options, for rows and summaries: "quantize(levels=8)".
    """

    name: ClassVar[str]

    @abstractmethod
    def apply(self, heatmaps: Tensor) -> Tensor:
        """New heatmaps of finite ones, which are left as they are."""

    def __call__(self, heatmaps: Tensor) -> Tensor:
        """Raises `UserError` for what is no batch of heatmaps, and for NaN and infinite values, the images named."""
        if heatmaps.dim() != 3 or not heatmaps.is_floating_point():
            raise UserError(f"heatmaps must be floats (N, H, W), not {heatmaps.dtype} {tuple(heatmaps.shape)}")
        finite = heatmaps.flatten(1).isfinite().all(1)
        if not finite.all():
            raise UserError(f"heatmaps {(~finite).nonzero().flatten().tolist()} contain NaN or infinite values")
        return self.apply(heatmaps.detach())

    def __str__(self) -> str:
        options = [f"{field.name}={_shown(getattr(self, field.name))}" for field in fields(self)]
        return f"{self.name}({', '.join(options)})"


def _shown(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)  # 2 and 2.0 are one option


def check_whole_number(option: str, value: object, least: int) -> None:
    """Refuse a `value` of postprocess.`option` that is no whole number of at least `least`."""
    if not isinstance(value, int) or value < least:
        raise UserError(f"postprocess.{option}={value} is not valid; it takes a whole number of at least {least}")
