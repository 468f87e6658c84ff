"""What Insertion, Deletion and Pixel Flipping share: curves of the classifier's answer while pixels flip."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from relprop.classifier import Classifier
from relprop.errors import UserError
from relprop.inference import evaluation_mode, exact_float32
from relprop.metrics.base import HeatmapMetric
from relprop.metrics.perturbation.areas import AREAS
from relprop.metrics.perturbation.checks import check_normalised
from relprop.metrics.perturbation.curve import Path, check_classes, perturbation_curve, pictures_at
from relprop.metrics.perturbation.fills import FILLS, Hide
from relprop.metrics.perturbation.outputs import OUTPUTS
from relprop.metrics.perturbation.protocol import CURVES, PROTOCOLS, Protocol, get_protocol
from relprop.metrics.perturbation.ranking import PATCH_RELEVANCE, SCHEDULES, TIES, to_pixels, urgency


class PerturbationMetric(HeatmapMetric):
    """Curves of the classifier's answer for the target class while pixels are hidden, or shown, in an order.

    - `model`: gives logits (N, classes); explained and scored class are the caller's `target`.
    - `protocol`: a name of `PROTOCOLS`, a `Protocol`, or a mapping of all of its choices.
    - `step`, `patch`: patches per point and side of a patch in pixels, in place of the protocol's.
    - `mean`, `std`: normalisation of the images, per channel, so that black is known.
    - `batch_size`: perturbed images in one forward of the model. Memory grows with it, not with images or steps.
    - `dtype`: what the classifier computes in: float32, bfloat16 or float16.
    - `seed`: of random orders and fills.

    Rows have, besides the scores: protocol, step, patch, score (what the curves show), `fractions` (share of patches
    flipped at each point if none are tied), `NAME_curve`, `requested` and `forwards` (pictures asked for, and seen by
    the classifier); under a protocol that flips ties together also `flips`, the share of pixels that has flipped.
    """

    wanted: ClassVar[tuple[str, ...]]  # curves that the metric is made of
    least: ClassVar[int]  # how many of them it needs

    def __init__(
        self,
        model: nn.Module,
        protocol: str | Protocol | Mapping[str, Any] = "strict",
        step: int | None = None,
        patch: int | None = None,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        batch_size: int = 128,
        dtype: str = "float32",
        seed: int = 0,
        resize: bool = False,
        **kwargs: Any,
    ) -> None:
        if batch_size < 1:
            raise UserError(f"batch_size={batch_size} must be at least 1")
        chosen = get_protocol(protocol)
        given = {name: value for name, value in {"step": step, "patch": patch}.items() if value is not None}
        self.protocol = Protocol(**{**chosen.choices, **given})
        self.curves = tuple(name for name in self.wanted if name in chosen.fills)
        if len(self.curves) < self.least:
            fitting = [other.name for other in PROTOCOLS.values() if len({*self.wanted} & {*other.fills}) >= self.least]
            raise UserError(
                f"protocol={chosen.name} is none of {type(self).__name__}'s; choose one of: {', '.join(fitting)}"
            )
        columns = [*(f"{name}_curve" for name in self.curves), "requested", "forwards"]
        columns += ["flips"] if chosen.ties == "together" else []
        super().__init__(model, self.directions(), *columns, resize=resize, **kwargs)
        self.batch_size, self.seed, self.mean, self.std = batch_size, seed, tuple(mean), tuple(std)
        self._classifier = Classifier(model, dtype)
        self._fills = {fill: FILLS[fill](mean, std, seed) for fill in {chosen.fills[name] for name in self.curves}}
        self._counts: Tensor | None = None
        self._patches = 0

    @abstractmethod
    def directions(self) -> dict[str, str]:
        """Each score's name, and whether "higher" or "lower" is better, or "neither"."""

    @abstractmethod
    def combine(self, areas: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The scores (N,) from the area of each curve (N,)."""

    @property
    def requested(self) -> int:
        """Pictures asked for so far."""
        return int(self.per_image("requested").sum())

    @property
    def forwards(self) -> int:
        """Pictures that the classifier has seen of them: identical ones count once."""
        return int(self.per_image("forwards").sum())

    @property
    def shared(self) -> dict[str, Any]:
        """Protocol, step, patch, what the curves show, how the classifier runs, share of patches flipped by point."""
        protocol = self.protocol
        named = {"protocol": protocol.label, "step": protocol.step_of(self._patches), "patch": protocol.patch}
        form = f"{self._classifier.form}, {self._classifier.dtype_name}"
        return {**named, "score": protocol.score, "classifier": form, "fractions": self._fractions().tolist()}

    @property
    def description(self) -> dict[str, Any]:
        """The protocol with all of its choices."""
        return {"protocol": self.protocol.label, "protocol_choices": self.protocol.choices}

    def measure(self, images: Tensor, heatmaps: Tensor, target: Tensor, boxes: Tensor | None) -> dict[str, Tensor]:
        """Curves and scores of a batch."""
        images = images.detach()  # pictures may be made in another thread, where no_grad does not hold
        check_normalised(images, self.mean, self.std)
        if (heatmaps.flatten(1).amax(1) == heatmaps.flatten(1).amin(1)).any():
            warnings.warn("a constant heatmap ranks no pixel before another; its scores say nothing", stacklevel=3)
        self._schedule(heatmaps)
        with torch.no_grad(), evaluation_mode(self.model), exact_float32(images.device):
            self._classifier.prepare(images)
            pieces = [
                self._measure(*(values[first : first + self.batch_size] for values in (images, heatmaps, target)))
                for first in range(0, len(images), self.batch_size)
            ]
            measured = {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}
            if self.protocol.ends:
                self._append_end(measured, images, target)
        fractions, area = self._fractions().to(images.device), AREAS[self.protocol.area]
        return {**measured, **self.combine({n: area(measured[f"{n}_curve"].double(), fractions) for n in self.curves})}

    def pictures(self, images: Tensor, heatmaps: Tensor, share: float) -> tuple[dict[str, Tensor], list[float]]:
        """What images (N, C, H, W) have become by curve, at the last point at which at most `share` of pixels flipped.

        And the share that has, of each image; the first step is the least that is shown. The classifier is not asked.
        """
        heatmaps = self.resized(heatmaps, images)
        self._schedule(heatmaps)
        states, shares = {}, torch.zeros(len(images))
        with torch.no_grad():
            for name in self.curves:
                path = self._path(name, images, heatmaps, self._fills[self.protocol.fills[name]].of(images))
                flipped = _flipped(path)
                last = (flipped <= share + 1e-6).sum(1) - 1  # of the curve's points
                last = last.clamp(min=1 - path.first)
                states[name] = pictures_at(images, path, last + path.first)
                shares = flipped.gather(1, last.unsqueeze(1)).squeeze(1)
        return states, shares.tolist()

    def _schedule(self, heatmaps: Tensor) -> None:
        """How many patches have flipped at each point, for maps of this size; all maps must be of one."""
        patch, protocol = self.protocol.patch, self.protocol
        if patch > max(heatmaps.shape[1:]):
            raise UserError(f"patch={patch} is larger than the images, {heatmaps.shape[1]}×{heatmaps.shape[2]} pixels")
        patches = -(-heatmaps.shape[1] // patch) * -(-heatmaps.shape[2] // patch)
        counts = SCHEDULES[protocol.schedule](patches, protocol.step_of(patches), protocol.steps)
        if len(self.per_image("target")) and patches != self._patches:
            raise UserError(
                f"images of {heatmaps.shape[1]}×{heatmaps.shape[2]} give other points than those before; "
                "score images of one size with one metric"
            )
        if len(counts) - (not protocol.begins) < 2:
            raise UserError(
                f"step={protocol.step_of(patches)} leaves one point for {patches} patches and no area; "
                f"it must be below {patches}"
            )
        self._counts, self._patches = counts, patches

    def _fractions(self) -> Tensor:
        """Share of patches that have flipped at each point of a curve, if none are tied, float64 (P,)."""
        counts, patches = self._counts, self._patches
        assert counts is not None
        if self.protocol.ties == "together":
            counts = torch.cat([counts[:1], (counts[1:] + 1).clamp(max=patches)])
        fractions = counts[0 if self.protocol.begins else 1 :].double() / patches
        return torch.cat([fractions, fractions[-1:]]) if self.protocol.ends else fractions

    def _measure(self, images: Tensor, heatmaps: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Curves of up to `batch_size` images, and how many pictures they took."""
        output = OUTPUTS[self.protocol.score]
        logits = self._classifier(images)
        check_classes(target, logits.shape[1])
        whole = output(logits, target)
        if not whole.isfinite().all():
            raise UserError(
                f"the classifier gives NaN or infinite answers in {self._classifier.dtype_name}; "
                "choose dtype=bfloat16 or float32, or mend the model"
            )

        def score(pictures: Tensor, image: Tensor) -> Tensor:
            return output(self._classifier(pictures), target[image])

        measured: dict[str, Tensor] = {}
        seen = torch.ones_like(target)
        hides = {name: fill.of(images) for name, fill in self._fills.items()}
        for name in self.curves:
            path = self._path(name, images, heatmaps, hides[self.protocol.fills[name]])
            curve, forwards = perturbation_curve(images, path, score, whole, self.batch_size)
            measured[f"{name}_curve"] = curve
            seen = seen + forwards
        requested = sum(measured[f"{name}_curve"].shape[1] for name in self.curves)
        measured |= {"requested": torch.full_like(target, requested), "forwards": seen}
        return {**measured, **({"flips": _flipped(path)} if self.protocol.ties == "together" else {})}

    def _path(self, name: str, images: Tensor, heatmaps: Tensor, hide: Hide) -> Path:
        """How the images change along the curve `name`."""
        protocol, (order, shows), fill = self.protocol, CURVES[name], self._fills[self.protocol.fills[name]]
        exact = heatmaps if heatmaps.dtype == torch.float64 else heatmaps.float()
        relevance = PATCH_RELEVANCE[protocol.patch_relevance](exact, protocol.patch)
        assert self._counts is not None
        counts = self._counts.to(relevance.device)
        flips = TIES[protocol.ties](urgency(relevance, order, images, self.seed), counts)
        return Path(
            flips=to_pixels(flips, protocol.patch, (images.shape[2], images.shape[3])),
            points=len(counts),
            first=0 if protocol.begins else 1,
            shows=shows,
            hide=hide,
            slow=fill.slow,
            chained=fill.chained,
        )

    def _append_end(self, measured: dict[str, Tensor], images: Tensor, target: Tensor) -> None:
        """One more point, at which every pixel is the middle of the batch's smallest and largest value."""
        middle = (images.min() + images.max()) / 2
        logits = self._classifier(middle.expand_as(images[:1]).contiguous()).expand(len(images), -1)
        last = OUTPUTS[self.protocol.score](logits, target).unsqueeze(1)
        for name in self.curves:
            measured[f"{name}_curve"] = torch.cat([measured[f"{name}_curve"], last], 1)
        measured["requested"] = measured["requested"] + len(self.curves)


def _flipped(path: Path) -> Tensor:
    """Share of pixels that have really flipped at each point, float32 (N, P)."""
    points = range(path.first, path.points)
    return torch.stack([(path.flips <= point).float().mean((1, 2)) for point in points], 1)
