"""Insertion and Deletion (Petsiuk et al. 2018, "RISE", BMVC) and their difference (Otsuki et al. 2024)."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.utilities import dim_zero_cat

from relprop.errors import UserError
from relprop.metrics.base import HeatmapMetric
from relprop.metrics.checks import check_batch
from relprop.metrics.perturbation import perturbation_curve
from relprop.metrics.ranking import PROTOCOLS, patch_scores, to_pixels
from relprop.registry import choose

CURVES = ("insertion", "deletion")


class InsertionDeletion(HeatmapMetric):
    """How fast the target's probability rises while the most relevant pixels are shown, falls while they are hidden.

    Hidden pixels are black. `compute()` gives the mean areas over all images: "insertion" (higher is better),
    "deletion" (lower is better) and "id", their difference (higher is better). `rows` has one dict per image.

    - `model`: gives logits (N, classes); explained and scored class are the caller's `target`.
    - `protocol`: "strict" (exactly `step` patches per point, ties broken by position, 0 % and 100 % included, trapezoid
      over the true fractions) or "otsuki2024" (the published code: patches of equal value together, no 0 % point).
    - `step`: patches per point; None takes the published share, 500 pixels of 224×224, of the number of patches.
    - `patch`: side of the square patches, in pixels; a patch's relevance is its largest pixel's.
    - `mean`, `std`: normalisation of the images, per channel, so that black is known.
    - `batch_size`: perturbed images in one forward of the model.
    """

    scores = (*CURVES, "id")
    full_state_update = False
    insertion: list[Tensor]
    deletion: list[Tensor]
    target: list[Tensor]
    forwards: Tensor
    requested: Tensor
    _fractions: Tensor
    _abscissae: Tensor

    def __init__(
        self,
        model: nn.Module,
        protocol: str = "strict",
        step: int | None = None,
        patch: int = 1,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        batch_size: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._schedule = choose("protocol", protocol, PROTOCOLS)
        for name, value in {"step": 1 if step is None else step, "patch": patch, "batch_size": batch_size}.items():
            if value < 1:
                raise UserError(f"{name}={value} must be at least 1")
        self._model = (model,)  # in a tuple, so that it is no submodule: it is neither moved, copied nor saved
        self.protocol, self.step, self.patch, self.batch_size = protocol, step, patch, batch_size
        self.black = [-m / s for m, s in zip(mean, std, strict=True)]
        for state in (*CURVES, "target"):
            self.add_state(state, default=[], dist_reduce_fx="cat")
        for count in ("forwards", "requested"):
            self.add_state(count, default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, images: Tensor, heatmaps: Tensor, target: Tensor) -> None:
        """Score `heatmaps` (N, H, W) of normalised `images` (N, C, H, W) for the classes `target` (N,)."""
        check_batch(images, heatmaps, target, len(self.black))
        if (heatmaps.flatten(1).amax(1) == heatmaps.flatten(1).amin(1)).any():
            warnings.warn("a constant heatmap ranks no pixel before another; its scores say nothing", stacklevel=2)
        scores = patch_scores(heatmaps.float(), self.patch)
        step = self.step or max(1, round(scores.shape[1] * 500 / 224**2))
        schedule = self._schedule(scores, step)
        if self.insertion and not torch.equal(self._fractions, schedule.fractions.cpu()):
            raise UserError(
                f"images of {images.shape[2]}×{images.shape[3]} give other points than those before; "
                "score images of one size with one metric"
            )
        flips = to_pixels(schedule.flips, self.patch, (images.shape[2], images.shape[3]))
        black = images.new_tensor(self.black).view(-1, 1, 1).expand_as(images)
        options = (flips, schedule.points, target, self.batch_size)
        shown, forwards = perturbation_curve(self._model[0], black, images, *options)
        hidden, more_forwards = perturbation_curve(self._model[0], images, black, *options)
        self.insertion.append(shown)
        self.deletion.append(hidden)
        self.target.append(target)
        self.forwards += forwards + more_forwards
        self.requested += shown.numel() + hidden.numel()
        self._fractions, self._abscissae = schedule.fractions.cpu(), schedule.abscissae.cpu()

    def compute(self) -> dict[str, float]:
        """Means over all images so far."""
        if not self.insertion:
            raise UserError("no images have been scored: call update(images, heatmaps, target) first")
        insertion, deletion = (self._areas(name).mean().item() for name in CURVES)
        return {"insertion": insertion, "deletion": deletion, "id": insertion - deletion}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Per image, in the order of the updates: protocol, target, scores, both curves and their fractions."""
        if not self.insertion:
            return []
        areas = {name: self._areas(name).tolist() for name in CURVES}
        curves = {name: dim_zero_cat(getattr(self, name)).tolist() for name in CURVES}
        return [
            {
                "protocol": self.protocol,
                "target": target,
                "insertion": areas["insertion"][i],
                "deletion": areas["deletion"][i],
                "id": areas["insertion"][i] - areas["deletion"][i],
                "fractions": self._fractions.tolist(),
                "insertion_curve": curves["insertion"][i],
                "deletion_curve": curves["deletion"][i],
            }
            for i, target in enumerate(dim_zero_cat(self.target).tolist())
        ]

    @property
    def description(self) -> dict[str, Any]:
        """Protocol, step (None: the published share), patch, and how many forwards were asked for and run."""
        forwards = {"requested": int(self.requested), "run": int(self.forwards)}
        return {"protocol": self.protocol, "step": self.step, "patch": self.patch, "forwards": forwards}

    def _areas(self, name: str) -> Tensor:
        """Area under each image's curve by the trapezoid rule over the protocol's abscissae, float64 (N,)."""
        curves = dim_zero_cat(getattr(self, name)).double()
        return torch.trapezoid(curves, self._abscissae.to(curves.device), dim=1)
