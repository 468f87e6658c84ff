"""Occlusion (Zeiler & Fergus 2014) by captum."""

from collections.abc import Sequence

import captum.attr
import torch
from torch import Tensor, nn

from relprop.classifier import Classifier
from relprop.errors import UserError
from relprop.explainers.base import Explainer, at_target, shared_by_channels
from relprop.explainers.baselines import Baseline
from relprop.explainers.masking import MASKED_BATCH


class Occlusion(Explainer):
    """By how much the target's logit falls when a square is hidden (Zeiler & Fergus 2014, §4.2): means over squares.

    The squares of `window` × `window` pixels begin every `stride` pixels; those at the right and lower border are cut
    off by it. A pixel's value is the mean, over the squares that it lies in, of y(x) − y(x without the square). All
    channels of a square are hidden at once. The paper maps the probability; the logit, as in captum, does not saturate
    where the classifier is sure.

    captum contributes the squares and their mean. It gives every channel the pixel's whole value, which makes a sum
    over the channels C times as large: here they share it. It gets one image at a time, so that the pictures of one
    forward, and with them the map, are the same to the last bit whatever the batch. The classifier runs with batch norm
    folded where that gives the same.

    - `window`: side in pixels; None takes an eighth of the image's shorter side.
    - `stride`: in pixels, at most `window`; None takes half of `window`.
    - `baseline`: what the square is painted with, a key of `BASELINES`.
    """

    channels = "shared"

    def __init__(
        self,
        model: nn.Module,
        window: int | None = None,
        stride: int | None = None,
        baseline: str = "mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        max_batch: int = MASKED_BATCH,
        positive: bool = False,
    ) -> None:
        super().__init__(model, max_batch, positive)
        for name, value in (("window", window), ("stride", stride)):
            if value is not None and value < 1:
                raise UserError(f"{name}={value} is not valid; it takes a whole number of at least 1, or None")
        self.window, self.stride, self.baseline = window, stride, Baseline(baseline, mean, std)
        self.classifier = Classifier(model)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The map in equal shares of the channels, (n, C, H, W)."""
        _, channels, height, width = images.shape
        window, stride = self._sizes(min(height, width))
        self.classifier.prepare(images)
        squares = captum.attr.Occlusion(self._logits)
        maps = [
            squares.attribute(
                image,
                (channels, window, window),
                (channels, stride, stride),
                self.baseline(image),
                additional_forward_args=wanted,
                perturbations_per_eval=self.max_batch,
            )[:, 0]
            for image, wanted in zip(torch.split(images, 1), torch.split(target, 1), strict=True)
        ]
        return shared_by_channels(torch.cat(maps).to(images.dtype), channels)

    def _sizes(self, shorter: int) -> tuple[int, int]:
        """Side and stride of the squares in an image with this shorter side."""
        window = max(1, shorter // 8) if self.window is None else self.window
        stride = max(1, window // 2) if self.stride is None else self.stride
        if window > shorter:
            raise UserError(f"window={window} is larger than the image's shorter side, {shorter} pixels; give less")
        if stride > window:
            raise UserError(f"stride={stride} is larger than window={window} and would leave pixels out; give less")
        return window, stride

    def _logits(self, images: Tensor, target: Tensor) -> Tensor:
        return at_target(self.classifier(images), target)
