"""Learning rates step by step, against the formulas."""

from math import cos, pi
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from relprop.errors import UserError
from relprop.training.schedulers import SCHEDULERS, build_schedulers
from tests.training.fitting import options_in

TOTAL = 40


def rates(name: str, total: int = TOTAL, lr: tuple[float, ...] = (0.1,), **options: Any) -> list[list[float]]:
    """The rates of all groups at each of `total` steps."""
    parameters = [{"params": [nn.Parameter(torch.zeros(1))], "lr": rate} for rate in lr]
    optimizer = torch.optim.SGD(parameters, momentum=0.9)
    parts = build_schedulers(optimizer, name, total_steps=total, **options)
    found = []
    for _ in range(total):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        for part in parts:
            if not isinstance(part, ReduceLROnPlateau):
                part.step()
    return found


def expected(name: str, done: int, warm: int) -> float:
    """The share of the full rate at a step, by the formulas."""
    rising = min(1.0, (done + 1) / warm) if warm else 1.0
    if name == "step":
        return rising * (1 if done < 0.5 * TOTAL else 0.2 if done < 0.75 * TOTAL else 0.04)
    if name == "cosine":
        return rising * (1 if done < warm else 0.5 * (1 + cos(pi * (done - warm) / (TOTAL - warm))))
    return rising


@pytest.mark.parametrize("warm", [0, 8, TOTAL])
@pytest.mark.parametrize("name", sorted(SCHEDULERS.keys() - {"onecycle"}))
def test_rates_follow_the_formula(name: str, warm: int) -> None:
    own: dict[str, dict[str, Any]] = {
        "step": {"milestones": [0.5, 0.75], "gamma": 0.2},
        "plateau": {"factor": 0.1, "patience": 1},
    }
    found = rates(name, warmup=warm / TOTAL, **own.get(name, {}))
    assert [rate for (rate,) in found] == pytest.approx([0.1 * expected(name, step, warm) for step in range(TOTAL)])


def test_onecycle_is_torchs() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    schedule, literal = OneCycleLR(optimizer, 0.1, total_steps=TOTAL, pct_start=0.25), []
    for _ in range(TOTAL):
        literal.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    found = [rate for (rate,) in rates("onecycle", warmup=0.25)]
    assert found == literal
    assert max(found) == pytest.approx(0.1) and found.index(max(found)) == 9
    assert found[0] == pytest.approx(0.1 / 25) and found[-1] == pytest.approx(0.1 / 25 / 1e4)


@pytest.mark.parametrize("total", [1, 2, 3, 7, 10, 100])
@pytest.mark.parametrize("warmup", [0, 0.01, 0.1, 1 / 3, 0.5, 1])
def test_onecycle_has_a_rate_at_every_step_whatever_its_length(total: int, warmup: float) -> None:
    """Where torch's divides by zero, or takes no whole number for a share."""
    found = [rate for (rate,) in rates("onecycle", total, warmup=warmup)]
    assert all(0 < rate <= 0.1 + 1e-12 for rate in found)
    assert found[-1] == pytest.approx(0.1 / 25 / 1e4)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_groups_keep_the_ratio_of_their_rates(name: str) -> None:
    options = {key: value for key, value in options_in("scheduler", name).items() if key != "name"}
    for low, high in rates(name, lr=(0.01, 0.3), **options):
        assert high == pytest.approx(30 * low)


@pytest.mark.parametrize(
    ("build", "before", "after"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5), 0.95, 0.5),
        (lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.5, 0.999)), 0.95, 0.5),
        (lambda p: torch.optim.Adadelta(p, lr=0.1), None, None),
    ],
)
def test_onecycle_leaves_the_momentum_alone_when_told(build: Any, before: float | None, after: float | None) -> None:
    for cycle, wanted in ((True, before), (False, after)):
        optimizer = build([nn.Parameter(torch.zeros(1))])
        build_schedulers(optimizer, "onecycle", 10, warmup=0.3, cycle_momentum=cycle)
        group = optimizer.param_groups[0]
        assert group.get("momentum", group.get("betas", (None,))[0]) == wanted


def test_plateau_falls_by_the_validation_loss() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    (plateau,) = build_schedulers(optimizer, "plateau", 10, factor=0.5, patience=1)
    found = []
    for loss in (3.0, 2.0, 2.0, 2.1, 2.0, 2.0, 1.0):
        plateau.step(loss)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("rate", [1e-6, 1e-9])
def test_plateau_lowers_a_small_rate_too(rate: float) -> None:
    """Or groups with rates of their own would lose their ratio."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)
    (plateau,) = build_schedulers(optimizer, "plateau", 10, factor=0.5, patience=0)
    for _ in range(2):
        plateau.step(1.0)
    assert optimizer.param_groups[0]["lr"] == 0.5 * rate


@pytest.mark.parametrize("milestones", [[0.75, 0.5], [0.5, 0.5], [0], [1], [-0.1], [100]])
def test_milestones_are_ascending_shares(milestones: list[float]) -> None:
    with pytest.raises(UserError, match=r"scheduler.milestones=\[.*\] is not valid; it takes ascending shares"):
        rates("step", milestones=milestones, gamma=0.1)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(UserError, match=f"scheduler=nope is unknown; choose one of: {', '.join(SCHEDULERS)}"):
        rates("nope")
    with pytest.raises(UserError, match="scheduler=cosine has no option 'gamma'; it takes: warmup"):
        rates("cosine", gamma=0.1)
    with pytest.raises(UserError, match="scheduler=plateau refuses its options: Factor should be < 1.0"):
        rates("plateau", factor=1.5, patience=1)
    with pytest.raises(UserError, match="scheduler=step refuses its options: .*'milestones'"):
        rates("step", gamma=0.5)
