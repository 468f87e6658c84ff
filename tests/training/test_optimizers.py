import pytest
import torch
from torch import nn

from relprop.errors import UserError
from relprop.training.optimizers import OPTIMIZERS, SCHEDULERS, build_optimizer, build_scheduler

OPTIONS = {"sgd": {"lr": 0.1, "momentum": 0.9}, "adamw": {"lr": 0.1}}
SCHEDULE_OPTIONS = {"onecycle": {"warmup": 0.3}, "cosine": {}}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_decay_and_norms_and_biases_do_not(name: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    optimizer = build_optimizer(model, name, weight_decay=0.5, **OPTIONS[name])
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {name: decay[id(p)] for name, p in model.named_parameters()} == {
        "0.weight": 0.5,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
    }


@pytest.mark.parametrize("name", SCHEDULERS)
def test_rate_peaks_at_the_optimizers_and_ends_near_zero(name: str) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = build_scheduler(optimizer, name, total_steps=50, **SCHEDULE_OPTIONS[name])
    rates = []
    for _ in range(50):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < 50:
            scheduler.step()
    assert max(rates) == pytest.approx(0.1, rel=0.01)
    assert rates[-1] < 0.001
    assert rates.index(max(rates)) == {"onecycle": 14, "cosine": 0}[name]


def test_unknown_names_are_refused() -> None:
    with pytest.raises(UserError, match="optimizer=nope is unknown; choose one of: sgd, adamw"):
        build_optimizer(nn.Linear(1, 1), "nope", weight_decay=0.0)
    with pytest.raises(UserError, match="scheduler=nope is unknown; choose one of: onecycle, cosine"):
        build_scheduler(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1), "nope", 10)
