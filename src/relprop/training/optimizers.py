"""Optimizers by name. A new one is a class or function here and a yaml in conf/optimizer."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from relprop.errors import UserError
from relprop.registry import create
from relprop.training.groups import parameter_groups
from relprop.training.sam import SAM

OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = MappingProxyType(
    {
        "sgd": torch.optim.SGD,
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "adagrad": torch.optim.Adagrad,
        "adadelta": torch.optim.Adadelta,
        "sam": SAM,
    }
)


def build_optimizer(
    model: nn.Module, name: str, lr: float, weight_decay: float, head_lr: float | None = None, **options: Any
) -> Optimizer:
    """The optimizer `name` of the parameters in training, grouped by `parameter_groups`; `options` are its own.

    Raises `UserError` for an unknown name or option, and for values that the optimizer does not take.
    """
    groups = parameter_groups(model, lr, weight_decay, head_lr)
    try:
        return create("optimizer", name, OPTIMIZERS, groups, lr=lr, **options)
    except (TypeError, ValueError, IndexError) as error:
        raise UserError(f"optimizer={name} refuses its options: {error}") from error
