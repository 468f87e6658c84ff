"""From attributions to the heatmaps that are scored and shown: one named reduction, then any named steps in any order.

The same for every explanation method. A step is a subclass of `Step`, its name in `STEPS`, and a yaml in
conf/postprocess.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from relprop.postprocessing.component import Component
from relprop.postprocessing.normalize import SIGNS, Normalize
from relprop.postprocessing.pipeline import Pipeline
from relprop.postprocessing.quantize import Quantize
from relprop.postprocessing.reductions import REDUCTIONS, reduce_channels
from relprop.postprocessing.step import Step
from relprop.registry import create

__all__ = ["REDUCTIONS", "SIGNS", "STEPS", "Pipeline", "Step", "build_pipeline", "reduce_channels"]

STEPS: Mapping[str, type[Step]] = MappingProxyType({step.name: step for step in (Component, Normalize, Quantize)})


def build_pipeline(reduction: str, steps: Mapping[str, Mapping[str, Any]]) -> Pipeline:
    """The `reduction`, then `steps` (name → options) in the mapping's order.

    Raises `UserError` for a name, an option or a value that it does not know.
    """
    return Pipeline(reduction, tuple(create("postprocess", name, STEPS, **options) for name, options in steps.items()))
