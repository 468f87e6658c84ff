"""Optimizers and learning-rate schedules by name. A new one is a class or function here and a yaml in conf."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from relprop.registry import create

OPTIMIZERS: Mapping[str, Callable[..., Optimizer]] = MappingProxyType(
    {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
)


def onecycle(optimizer: Optimizer, total_steps: int, warmup: float) -> LRScheduler:
    """Up to the optimizer's rate during the first share `warmup` of all steps, then down to almost 0 (Smith 2018)."""
    peak = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, peak, total_steps=total_steps, pct_start=warmup)


def cosine(optimizer: Optimizer, total_steps: int) -> LRScheduler:
    """From the optimizer's rate down to zero along half a cosine (Loshchilov and Hutter 2017)."""
    return CosineAnnealingLR(optimizer, total_steps)


SCHEDULERS: Mapping[str, Callable[..., LRScheduler]] = MappingProxyType({"onecycle": onecycle, "cosine": cosine})


def build_optimizer(model: nn.Module, name: str, weight_decay: float, **options: Any) -> Optimizer:
    """The optimizer `name`; weights decay, norms and biases do not."""
    return create("optimizer", name, OPTIMIZERS, _groups(model, weight_decay), **options)


def build_scheduler(optimizer: Optimizer, name: str, total_steps: int, **options: Any) -> LRScheduler:
    """The schedule `name` over `total_steps` optimizer steps."""
    return create("scheduler", name, SCHEDULERS, optimizer, total_steps, **options)


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    def of(parameters: Iterable[nn.Parameter], decay: float) -> dict[str, Any]:
        return {"params": list(parameters), "weight_decay": decay}

    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    return [of(weights, weight_decay), of(others, 0.0)]
