"""Learning-rate schedules by name. A new one is a function here and a yaml in conf/scheduler.

A schedule is a function of the share of all optimizer steps that are done, so that it is the same curve whatever the
number of epochs, and a training that continues goes on along it. Only `plateau` depends on what was measured.
"""

from collections.abc import Callable, Mapping, Sequence
from math import cos, pi
from types import MappingProxyType
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from relprop.errors import UserError
from relprop.registry import create


def constant(optimizer: Optimizer, total_steps: int, warmup: float = 0.0) -> list[LRScheduler]:
    """The optimizer's rate, behind a warm-up."""
    return [LambdaLR(optimizer, lambda done: _warm(done, round(warmup * total_steps)))]


def step(
    optimizer: Optimizer, total_steps: int, milestones: Sequence[float], gamma: float, warmup: float = 0.0
) -> list[LRScheduler]:
    """The rate times `gamma` at each of the `milestones`, shares of all steps (He, K. et al. 2015, §4.2).

    Raises `UserError` for milestones that are not between 0 and 1 and ascending.
    """
    if list(milestones) != sorted(set(milestones)) or not all(0 < share < 1 for share in milestones):
        raise UserError(
            f"scheduler.milestones={list(milestones)} is not valid; it takes ascending shares of all steps between 0 "
            "and 1, such as [0.5,0.75]"
        )

    def factor(done: int) -> float:
        passed = sum(done >= round(share * total_steps) for share in milestones)
        return _warm(done, round(warmup * total_steps)) * gamma**passed

    return [LambdaLR(optimizer, factor)]


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.0) -> list[LRScheduler]:
    """From the optimizer's rate down to zero along half a cosine (Loshchilov and Hutter 2017, eq. 5), without restarts.

    The cosine begins where the warm-up ends.
    """
    warm = round(warmup * total_steps)

    def factor(done: int) -> float:
        share = max(0, done - warm) / max(total_steps - warm, 1)
        return _warm(done, warm) * (1 + cos(pi * min(share, 1.0))) / 2

    return [LambdaLR(optimizer, factor)]


def onecycle(optimizer: Optimizer, total_steps: int, warmup: float, cycle_momentum: bool = True) -> list[LRScheduler]:
    """Up to the optimizer's rate during the first share `warmup` of all steps, then down to almost 0 (Smith 2018).

    From 1/25 of each group's rate to 1/250,000, along cosines. With `cycle_momentum` the momentum (Adam's first beta)
    of an optimizer that has one goes from 0.95 to 0.85 and back, whatever the optimizer's options say.
    """
    # OneCycleLR divides by zero where one of its two parts has no length
    share = 0.0 if warmup * total_steps <= 1 else min(float(warmup), 1 - 0.5 / total_steps)
    cycles = cycle_momentum and bool({"momentum", "betas"} & optimizer.defaults.keys())
    peaks = [group["lr"] for group in optimizer.param_groups]
    return [OneCycleLR(optimizer, peaks, total_steps=total_steps, pct_start=share, cycle_momentum=cycles)]


def plateau(
    optimizer: Optimizer, total_steps: int, factor: float, patience: int, warmup: float = 0.0
) -> list[LRScheduler]:
    """The rate times `factor` after more than `patience` epochs in which the validation loss did not fall.

    `relprop.training.plateau.PlateauSteps` hands it the losses.
    """
    warm = round(warmup * total_steps)
    # LinearLR multiplies the rate there is, and so leaves alone what the plateau made of it
    before = [LinearLR(optimizer, start_factor=1 / warm, total_iters=warm - 1)] if warm > 1 else []
    # eps=0: else a small rate, as of one group beside another's head_lr, would stop falling first
    return [*before, ReduceLROnPlateau(optimizer, factor=factor, patience=patience, eps=0.0)]


SCHEDULERS: Mapping[str, Callable[..., list[LRScheduler]]] = MappingProxyType(
    {"constant": constant, "step": step, "cosine": cosine, "onecycle": onecycle, "plateau": plateau}
)


def build_schedulers(optimizer: Optimizer, name: str, total_steps: int, **options: Any) -> list[LRScheduler]:
    """The parts of the schedule `name` over `total_steps` optimizer steps, each to be taken one step per batch.

    A `ReduceLROnPlateau` among them takes one step per validation instead. Raises `UserError` for an unknown name or
    option, and for values that the schedule does not take.
    """
    try:
        return create("scheduler", name, SCHEDULERS, optimizer, total_steps, **options)
    except (TypeError, ValueError) as error:
        raise UserError(f"scheduler={name} refuses its options: {error}") from error


def _warm(done: int, steps: int) -> float:
    """The share of the rate in a linear warm-up of that many steps, whole at its end (Goyal et al. 2017, §2.2)."""
    return min(1.0, (done + 1) / steps) if steps > 0 else 1.0
