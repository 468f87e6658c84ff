"""A protocol fixes every choice of a perturbation metric, so that its name says what a number means."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

from relprop.errors import UserError
from relprop.metrics.perturbation.areas import AREAS
from relprop.metrics.perturbation.fills import FILLS
from relprop.metrics.perturbation.outputs import OUTPUTS
from relprop.metrics.perturbation.ranking import PATCH_RELEVANCE, SCHEDULES, TIES
from relprop.registry import choose

# By curve: which patches flip first, and whether flipping shows them instead of hiding them.
CURVES: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "insertion": ("morf", True),
        "deletion": ("morf", False),
        "morf": ("morf", False),
        "lerf": ("lerf", False),
        "random": ("random", False),
    }
)
PUBLISHED_SHARE = 500 / 224**2
_FREE = ("step", "patch")  # said beside the name in every row, since the published codes take them as options


@dataclass(frozen=True)
class Protocol:
    """Every choice of a perturbation metric.

    - `fills`: for each curve that there is, what hidden pixels become (`FILLS`).
    - `patch`: side of the squares that flip together, in pixels; `patch_relevance`: a square's, "max" or "sum".
    - `ties`: "position" breaks them by position, "together" flips equal patches at once.
    - `schedule`: "step", `step` patches per point, up to `steps` points; "number", all in `steps` points; "growing",
      1, 3, 5, … times `step`. Without a `step`, it is the whole number nearest to `share` of all patches.
    - `begins`, `ends`: whether the curve has a point before the first flip, and one after all flips with every pixel at
      the middle of the batch's smallest and largest value.
    - `score`: what of the classifier's answer (`OUTPUTS`); `area`: how a curve becomes a number (`AREAS`).
    """

    name: str
    fills: Mapping[str, str]
    patch: int = 1
    patch_relevance: str = "max"
    ties: str = "position"
    schedule: str = "step"
    step: int | None = None
    share: float | None = None
    steps: int | None = None
    begins: bool = True
    ends: bool = False
    score: str = "probability"
    area: str = "fractions"

    def __post_init__(self) -> None:
        object.__setattr__(self, "fills", dict(self.fills))  # a copy, which nobody else changes
        for curve, fill in self.fills.items():
            choose("curve", curve, CURVES)
            if choose("fill", fill, FILLS).chained and CURVES[curve][1]:
                raise UserError(f"fills.{curve}={fill} begins with the image, so that it can hide but not show pixels")
        choose("patch_relevance", self.patch_relevance, PATCH_RELEVANCE)
        choose("ties", self.ties, TIES)
        choose("schedule", self.schedule, SCHEDULES)
        choose("score", self.score, OUTPUTS)
        choose("area", self.area, AREAS)
        if self.schedule == "step" and self.step is None and self.share is None:
            raise UserError(f"protocol={self.name} needs a step, patches per point, or a share of all patches")
        if self.schedule == "number" and self.steps is None:
            raise UserError(f"protocol={self.name} needs steps, the number of points")
        if self.area == "aopc" and not self.begins:
            raise UserError("area=aopc is measured from the image itself: it needs begins=true")
        if self.share is not None and not 0 < self.share <= 1:
            raise UserError(f"share={self.share} must be above 0 and at most 1 (all patches at once)")
        for name in ("patch", "step", "steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name}={value} must be at least 1")

    def step_of(self, patches: int) -> int:
        """Patches per point, of an image with this many patches."""
        return self.step or max(1, round(patches * (self.share or 0)))

    @property
    def label(self) -> str:
        """The name, and whatever differs from what the protocol of this name says, step and patch aside."""
        published = PROTOCOLS.get(self.name)
        if published is None:
            return self.name
        choices, theirs = self.choices, published.choices
        changed = [f"{key}={choices[key]}" for key in choices if choices[key] != theirs[key] and key not in _FREE]
        return " ".join([self.name, *changed])

    @property
    def choices(self) -> dict[str, Any]:
        """All of them, as plain values."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"fills": dict(self.fills)}


def get_protocol(choice: "str | Protocol | Mapping[str, Any]") -> Protocol:
    """A protocol by its name, or by all of its choices."""
    if isinstance(choice, Protocol):
        return choice
    if isinstance(choice, str):
        return choose("protocol", choice, PROTOCOLS)
    known = [field.name for field in fields(Protocol)]
    if unknown := [key for key in choice if key not in known]:
        raise UserError(f"a protocol has no choice '{unknown[0]}'; it has: {', '.join(known)}")
    if missing := [name for name in ("name", "fills") if not choice.get(name)]:
        raise UserError(f"a protocol needs a {missing[0]}; give all of its choices, or one of: {', '.join(PROTOCOLS)}")
    return Protocol(**choice)


def _all(fill: str, *curves: str) -> dict[str, str]:
    return dict.fromkeys(curves, fill)


_BOTH = ("insertion", "deletion")
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol("strict", _all("black", *_BOTH, "morf", "lerf", "random"), share=PUBLISHED_SHARE),
            Protocol(
                "otsuki2024",
                _all("black", *_BOTH),
                ties="together",
                share=PUBLISHED_SHARE,
                begins=False,
                area="points",
            ),
            Protocol("petsiuk2018", {"insertion": "blur", "deletion": "zero"}, share=1 / 224, area="points"),
            Protocol(
                "samek2016",
                _all("uniform", "morf", "random"),
                patch=9,
                patch_relevance="sum",
                step=1,
                steps=100,
                score="logit",
                area="aopc",
            ),
            Protocol(
                "bermudez2022",
                _all("telea_chain", "morf", "lerf"),
                patch=4,
                patch_relevance="sum",
                schedule="growing",
                step=1,
                ends=True,
                score="logit",
                area="points",
            ),
            Protocol("srg", _all("mean", "morf", "lerf"), patch=4, patch_relevance="sum", schedule="number", steps=50),
        )
    }
)
