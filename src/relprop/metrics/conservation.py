"""Whether relevance is conserved on its way from the logits to the image."""

import difflib
import warnings
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.metrics.base import HeatmapMetric

Trace = Callable[[Tensor, Tensor], Mapping[str, Tensor]]


class Conservation(HeatmapMetric):
    """How far ΣR at the image is from the relevance that LRP has started with (Bach et al. 2015, eq. 2).

    "relative_error": |ΣR_input − R_start| / |R_start| of each image; lower is better. `compute()` gives the mean and,
    as "worst_relative_error", the largest of all images. Where the start is 0 the error is not divided, with a warning.

    Rows also have "start" and "input", the two sums, and with `steps` the "sums" at the steps that "steps" names, in
    the order in which the network runs. Only where all relevance passes through one step can its sum equal the start:
    inside a residual block, a branch carries its own share and no more.

    - `trace`: (images, target) → relevance (N, …) by the step's name, "input" first and last the step that gives the
      logits: `relprop.LRP.trace`. The heatmaps that are scored do not matter.
    - `steps`: names of steps, or shell patterns such as "layer?.0.conv*"; None: the image only.
    """

    def __init__(
        self, model: nn.Module, trace: Trace, steps: Sequence[str] | None = None, *, resize: bool = False
    ) -> None:
        columns = ("start", "input", "sums") if steps else ("start", "input")
        super().__init__(model, {"relative_error": "lower"}, *columns, resize=resize)
        self.trace, self.steps = trace, [steps] if isinstance(steps, str) else list(steps or ())
        self._reported: list[str] = []

    @property
    def shared(self) -> dict[str, Any]:
        """Names of the steps whose sums are reported."""
        return {"steps": self._reported} if self.steps else {}

    def compute(self) -> dict[str, float]:
        """Mean and largest relative error over all images so far."""
        return super().compute() | {"worst_relative_error": self.per_image("relative_error").max().item()}

    def measure(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None) -> dict[str, Tensor]:
        """Relative error, relevance at the logits and at the image, float64 (N,), and at the steps, (N, steps)."""
        relevances = self.trace(images, target)
        names = [*relevances]
        self._reported = matching(self.steps, names)
        sums = {name: _sum(name, relevances[name], len(images)) for name in {names[0], *self._reported, names[-1]}}
        start, at_image = sums[names[-1]], sums[names[0]]
        if (start == 0).any():
            warnings.warn("relevance that starts at 0 has no relative error; its error is not divided", stacklevel=2)
        error = (at_image - start).abs() / torch.where(start == 0, 1.0, start.abs())
        measured = {"relative_error": error, "start": start, "input": at_image}
        return measured | ({"sums": torch.stack([sums[name] for name in self._reported], 1)} if self.steps else {})


def matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those of `names` that fit one of the shell patterns, in their order; `UserError` for a pattern that fits none."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = ", ".join(difflib.get_close_matches(pattern, names, n=5, cutoff=0))
            raise UserError(
                f"steps: '{pattern}' fits none of the {len(names)} steps with relevance; the nearest: {near}"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _sum(name: str, relevance: Tensor, images: int) -> Tensor:
    """ΣR of each image at the step `name`, float64 (N,)."""
    if len(relevance) != images:
        shape = (*relevance.shape,)
        raise UserError(f"step {name} has relevance {shape}, not one entry for each of {images} images; leave it out")
    return relevance.flatten(1).sum(1, dtype=torch.float64)
