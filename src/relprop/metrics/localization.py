"""Whether the relevance lies where the object is, for images with a bounding box."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.metrics.base import HeatmapMetric


class Localization(HeatmapMetric):
    """How much of a heatmap lies in the box of the object: three scores from 0 to 1, higher is better.

    - "pointing_game" (Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", §4.1): 1 if the pixel of
      the largest value is in the box, else 0; of several largest ones, the share of them in the box.
    - "relevance_mass" (Arras et al. 2022, "CLEVR-XAI", relevance mass accuracy): the box's share of the positive
      relevance. Negative relevance speaks against the class and counts as none. A heatmap without positive relevance
      says nothing of where and gets what a random one gets.
    - "relevance_rank" (ibid., relevance rank accuracy): of the K pixels of the largest values, K being the number of
      pixels in the box, the share that is in it. Of equal values at the K-th place each is taken equally often: the
      mean over all orders of them, so that a tie is worth the same wherever it lies.

    A pixel is in the box if its centre is. Boxes are clipped to the image. Each row has the clipped box and
    "box_share", its share of the image's pixels, which is the expected score of a random heatmap and the score of a
    constant one, but for the pointing game with a tolerance, where they get more.

    - `tolerance`: the pointing game also counts pixels at most so far from one in the box; 15 pixels as published.
    """

    def __init__(self, model: nn.Module, tolerance: float = 0, **kwargs: Any) -> None:
        better = dict.fromkeys(("pointing_game", "relevance_mass", "relevance_rank"), "higher")
        super().__init__(model, better, "box", "box_share", **kwargs)
        if not tolerance >= 0:
            raise UserError(f"tolerance={tolerance} must be 0 pixels or more")
        self.tolerance = tolerance

    def measure(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None) -> Mapping[str, Tensor]:
        """The three scores, the box and its share; float64, since sums over pixels would lose digits in float32."""
        if boxes is None:
            raise UserError("metric=localization needs boxes: take a data set that has them (dataset=cub)")
        height, width = heatmaps.shape[1:]
        boxes, heat = boxes.to(heatmaps.device).double(), heatmaps.flatten(1).double()
        distance = squared_distance(boxes, height, width).flatten(1)
        inside = distance == 0
        if not (there := inside.any(1)).all():
            raise UserError(
                f"boxes {(~there).nonzero().flatten().tolist()} have no pixel in the images of {height}×{width}; "
                "boxes are left, top, right, bottom in pixels; leave out images whose object was cut away"
            )
        return {
            "pointing_game": pointing_game(heat, distance <= self.tolerance**2),
            "relevance_mass": relevance_mass(heat, inside),
            "relevance_rank": relevance_rank(heat, inside),
            "box": boxes.clamp(min=0).minimum(boxes.new_tensor([width, height, width, height])),
            "box_share": inside.double().mean(1),
        }

    @property
    def description(self) -> dict[str, Any]:
        """The tolerance of the pointing game, in pixels."""
        return {"tolerance": self.tolerance}


def squared_distance(boxes: Tensor, height: int, width: int) -> Tensor:
    """Of each pixel's centre to the nearest one inside its image's box (N, 4): (N, height, width), 0 inside only."""
    left, top, right, bottom = boxes.unbind(1)
    return _gaps(top, bottom, height).square().unsqueeze(2) + _gaps(left, right, width).square().unsqueeze(1)


def _gaps(low: Tensor, high: Tensor, length: int) -> Tensor:
    """From each pixel of a line to the nearest one with its centre in [low, high) (N,): (N, length), 0 inside only.

    If the interval has no pixel, `last` comes before `first` or both lie outside of the line: then no gap is 0.
    """
    pixels = torch.arange(length, device=low.device)
    first, last = (low - 0.5).ceil().unsqueeze(1), (high - 0.5).ceil().unsqueeze(1) - 1
    return (first - pixels).clamp(min=0) + (pixels - last).clamp(min=0)


def pointing_game(heat: Tensor, hit: Tensor) -> Tensor:
    """(N,): the share of the largest values of `heat` (N, P) that lie where `hit` (N, P) is true."""
    largest = heat == heat.amax(1, keepdim=True)
    return (largest & hit).sum(1).double() / largest.sum(1)


def relevance_mass(heat: Tensor, inside: Tensor) -> Tensor:
    """(N,): the share of the positive part of `heat` (N, P) inside; the share of pixels inside if it is all zero."""
    positive = heat.clamp(min=0)
    positive = torch.where(positive.any(1, keepdim=True), positive, 1)
    return (positive * inside).sum(1) / positive.sum(1)


def relevance_rank(heat: Tensor, inside: Tensor) -> Tensor:
    """(N,): the expected share inside of the K largest values of `heat` (N, P), K = number of pixels inside."""
    count = inside.sum(1, keepdim=True)
    threshold = heat.sort(dim=1, descending=True).values.gather(1, count - 1)
    above, tied = (heat > threshold).double(), (heat == threshold).double()
    drawn = (count - above.sum(1, keepdim=True)) / tied.sum(1, keepdim=True)  # the chance of each tied pixel
    return (inside * (above + drawn * tied)).sum(1) / count.squeeze(1)
