"""Every explanation method behind one call: `get_explainer(name, model)(images, target)`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import nn

from relprop.explainers.base import Explainer
from relprop.explainers.gradient import Gradient, GradientXInput
from relprop.explainers.lrp import LRPExplainer
from relprop.explainers.random import Random
from relprop.registry import create

__all__ = ["EXPLAINERS", "Explainer", "get_explainer", "list_explainers"]

EXPLAINERS: Mapping[str, type[Explainer]] = MappingProxyType(
    {
        "lrp": LRPExplainer,
        "gradient": Gradient,
        "grad_x_input": GradientXInput,
        "random": Random,
    }
)


def list_explainers() -> list[str]:
    """Names that `get_explainer` takes."""
    return list(EXPLAINERS)


def get_explainer(name: str, model: nn.Module, **options: Any) -> Explainer:
    """The explanation method `name` for `model`; the options are those of its class.

    Raises `UserError`, a `ValueError`, for a name, an option or a value that it does not know.
    """
    return create("method", name, EXPLAINERS, model, **options)
