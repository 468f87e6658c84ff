"""The config's method as one call: explainer, reduction, post-processing."""

import inspect
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from relprop.data import ImageDataModule
from relprop.experiment.building import options_of, plain
from relprop.explainers import EXPLAINERS, Explainer, get_explainer
from relprop.postprocessing import Pipeline, build_pipeline
from relprop.registry import choose


@dataclass(frozen=True)
class Method:
    """Heatmaps (N, H, W) of normalised images (N, C, H, W) for the classes (N,).

    `indices` (N,) are positions in the data set, for explainers that look maps up by them.
    """

    explainer: Explainer
    pipeline: Pipeline

    def __call__(self, images: Tensor, target: Tensor, indices: Tensor | None = None) -> Tensor:
        """Attribution, then reduction and post-processing."""
        return self.pipeline(self.explainer(images, target, indices))

    def with_logits(
        self, images: Tensor, target: Tensor | int | None, indices: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Heatmaps (N, H, W), as of a call, and the network's logits (N, classes); None is the predicted class."""
        attribution, logits = self.explainer.with_logits(images, target, indices)
        return self.pipeline(attribution), logits

    def describe(self) -> dict[str, Any]:
        """What becomes of the channels, for rows and summaries."""
        return {"channels": self.explainer.channels, **self.pipeline.describe()}


def build_method(config: DictConfig, network: nn.Module, data: ImageDataModule, options: dict[str, Any]) -> Method:
    """The config's method with these options; one that takes mean and standard deviation of the images gets them."""
    takes = inspect.signature(choose("method", config.method.name, EXPLAINERS)).parameters
    statistics = {"mean": data.mean, "std": data.std}
    given = {key: value for key, value in statistics.items() if key in takes}
    explainer = get_explainer(config.method.name, network, **options, **given)
    return Method(explainer, build_pipeline(config.reduction, plain(config.get("postprocess", OmegaConf.create()))))


def describe_method(config: DictConfig, pipeline: Pipeline) -> str:
    """Method, composite and skip, and whatever else is not a default, as on the command line; then post-processing."""
    defaults = {key: p.default for key, p in inspect.signature(EXPLAINERS[config.method.name]).parameters.items()}
    defaults |= {"seed": config.seed}
    if "composite" in config.method:
        defaults |= {"composite": None, "skip": None, "start": config.composite.start}
    said = [f"{key}={value}" for key, value in options_of(config.method).items() if value != defaults[key]]
    reduction = [] if pipeline.reduction == "sum" else [f"reduction={pipeline.reduction}"]
    return ", ".join([" ".join([config.method.name, *said, *reduction]), *map(str, pipeline.steps)])
