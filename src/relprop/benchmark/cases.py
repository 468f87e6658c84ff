"""What is measured, by name: explaining by LRP, scoring heatmaps, explaining by masked pictures, and in real time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, TypeAlias

from relprop.registry import choose


@dataclass(frozen=True)
class LRPCase:
    """LRP against an input gradient: a network, images (batch, 3, image_size, image_size), options of the LRP engine.

    `needs_cuda`: it would take too long without a GPU, and is left out.
    """

    model: str
    composite: str
    batch: int
    skip: str | None = None
    bn: str = "pass"
    dtype: str = "float32"
    image_size: int = 224
    needs_cuda: bool = False

    @property
    def name(self) -> str:
        """All that tells it from the others: "lrp/resnet50/otsuki2024/batch8", with "/bfloat16" if not float32."""
        name = f"lrp/{self.model}/{self.composite}/batch{self.batch}"
        return name if self.dtype == "float32" else f"{name}/{self.dtype}"

    @property
    def options(self) -> dict[str, Any]:
        """The options of the engine."""
        return {"composite": self.composite, "skip": self.skip, "bn": self.bn, "dtype": self.dtype}


@dataclass(frozen=True)
class ScoringCase:
    """Insertion and deletion of `batch` images, 101 points a curve, `pictures` perturbed images in one forward.

    With `levels` the heatmaps are quantized, and compared with the same that are not.
    """

    model: str
    batch: int
    dtype: str = "float32"
    levels: int | None = None
    pictures: int = 32
    image_size: int = 224
    needs_cuda: bool = False

    @property
    def name(self) -> str:
        """All that tells it from the others: "insertion_deletion/resnet50/batch1", with "/bfloat16" or "/quantized"."""
        name = f"insertion_deletion/{self.model}/batch{self.batch}"
        name = name if self.dtype == "float32" else f"{name}/{self.dtype}"
        return name if self.levels is None else f"{name}/quantized"


@dataclass(frozen=True)
class MaskingCase:
    """Explanations of `batch` images by a `method` that shows the network masked pictures, `pictures` in one forward.

    `masks`: how many for each image, if that is the method's option.
    """

    method: str
    model: str
    masks: int | None = None
    dtype: str = "float32"
    batch: int = 1
    pictures: int = 8
    image_size: int = 224
    needs_cuda: bool = False

    @property
    def name(self) -> str:
        """All that tells it from the others: "rise/resnet18", with "/bfloat16" if not float32."""
        name = f"{self.method}/{self.model}"
        return name if self.dtype == "float32" else f"{name}/{self.dtype}"

    @property
    def options(self) -> dict[str, Any]:
        """The options of the method."""
        masks = {} if self.masks is None else {"masks": self.masks}
        return {**masks, "dtype": self.dtype, "max_batch": self.pictures}


@dataclass(frozen=True)
class LiveCase:
    """Frames of a video, explained in real time: always the newest, or every one."""

    model: str
    every_frame: bool = False
    batch: int = 1
    image_size: int = 224
    needs_cuda: bool = False

    @property
    def name(self) -> str:
        """All that tells it from the others: "live/resnet18", with "/every_frame" if all are explained."""
        return f"live/{self.model}{'/every_frame' * self.every_frame}"


Case: TypeAlias = LRPCase | ScoringCase | MaskingCase | LiveCase

# By network: batches that any machine can do, and one that takes a GPU to be filled.
BATCHES = {"resnet50": (1, 8), "vgg16": (1, 4)}
CUDA_BATCH = 64
# z⁺ as it was published for residual networks; ε and αβ as canonization gives them, as in other libraries.
ZPLUS = {"resnet50": ("otsuki2024", "zplus"), "vgg16": ("zplus",)}
CANONIZED = ("epsilon", "alpha2_beta1")


def _lrp_cases() -> Iterator[LRPCase]:
    for model, batches in BATCHES.items():
        for batch in (*batches, CUDA_BATCH):
            large = batch == CUDA_BATCH
            for dtype in ("float32", "bfloat16"):
                for composite in ZPLUS[model]:
                    yield LRPCase(model, composite, batch, skip="flows_skip", dtype=dtype, needs_cuda=large)
            for composite in CANONIZED:
                yield LRPCase(model, composite, batch, skip="signed", bn="fold", needs_cuda=large)


SCORING_CASES = (
    ScoringCase("resnet50", 1),
    ScoringCase("resnet50", 1, dtype="bfloat16"),
    ScoringCase("resnet50", 4, levels=8),
    ScoringCase("resnet50", 16, pictures=256, needs_cuda=True),
)
MASKING_CASES = (
    MaskingCase("scorecam", "resnet18"),
    MaskingCase("scorecam", "resnet18", dtype="bfloat16"),
    MaskingCase("rise", "resnet18", masks=1000),
    MaskingCase("rise", "resnet18", masks=1000, dtype="bfloat16"),
    MaskingCase("rise", "resnet50", masks=1000, pictures=256, needs_cuda=True),
)
LIVE_CASES = (LiveCase("resnet18"), LiveCase("resnet18", every_frame=True))
_CASES: tuple[Case, ...] = (*_lrp_cases(), *SCORING_CASES, *MASKING_CASES, *LIVE_CASES)
ALL_CASES: Mapping[str, Case] = MappingProxyType({case.name: case for case in _CASES})


def select(patterns: str | Iterable[str] | None, batch: int | None, has_cuda: bool) -> tuple[list[Case], list[Case]]:
    """The cases that names or shell patterns fit (None: all), and those of them that this machine must leave out.

    `batch` replaces the cases' own number of images unless it is None; then nothing is left out, and cases that differ
    in nothing else are one. Real time has one image at a time, whatever `batch` is. Raises `UserError` that lists the
    names for a pattern that fits none.
    """
    chosen: dict[str, Case] = {}
    for pattern in ["*"] if patterns is None else [patterns] if isinstance(patterns, str) else patterns:
        fitting = [case for name, case in ALL_CASES.items() if fnmatchcase(name, pattern)]
        for case in fitting or [choose("case", pattern, ALL_CASES)]:
            if batch is not None and not isinstance(case, LiveCase):
                case = replace(case, batch=batch, needs_cuda=False)
            chosen[case.name] = case
    left_out = [case for case in chosen.values() if case.needs_cuda and not has_cuda]
    return [case for case in chosen.values() if case not in left_out], left_out
