"""Which parameters an optimizer gets, in which groups, and that it takes its options."""

import pytest
import torch
from torch import nn

from relprop.errors import UserError
from relprop.models import build_model
from relprop.training.freezing import freeze
from relprop.training.groups import parameter_groups
from relprop.training.optimizers import OPTIMIZERS, build_optimizer
from relprop.training.sam import SAM
from tests.training.fitting import options_in

TORCHS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "sam": SAM,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_is_torchs_with_the_options_of_its_yaml(name: str) -> None:
    options = {**options_in("optimizer", name), "weight_decay": 0.25}
    optimizer = build_optimizer(nn.Linear(2, 3), **options)
    assert type(optimizer) is TORCHS[name]
    weights, others = optimizer.param_groups
    for key in options.keys() - {"name", "weight_decay", "rho"}:
        assert weights[key] == others[key] == options[key] or tuple(options[key]) == weights[key]
    assert getattr(optimizer, "rho", weights.get("rho")) == options.get("rho")
    assert (weights["weight_decay"], others["weight_decay"]) == (0.25, 0)


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    groups = parameter_groups(model, 0.1, weight_decay=0.5, head_lr=None)
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    expected = dict.fromkeys(("0.weight", "2.weight"), 0.5)
    assert {name: decay[id(p)] for name, p in model.named_parameters()} == {
        **dict.fromkeys(("0.bias", "1.weight", "1.bias", "2.bias"), 0.0),
        **expected,
    }


def test_head_has_a_rate_of_its_own() -> None:
    model = build_model("abn_resnet20", num_classes=7, image_size=32)
    groups = parameter_groups(model, 0.1, weight_decay=0.5, head_lr=0.3)
    assert [(group["name"], group["lr"], group["weight_decay"]) for group in groups] == [
        ("weights", 0.1, 0.5),
        ("norms_and_biases", 0.1, 0.0),
        ("head_weights", 0.3, 0.5),
        ("head_norms_and_biases", 0.3, 0.0),
    ]
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)] for group in groups[2:] for p in group["params"]} == {
        "branch.evidence.classes.weight",
        "branch.evidence.classes_norm.weight",
        "branch.evidence.classes_norm.bias",
        "branch.map.conv.weight",
        "branch.logits.conv.weight",
        "perception.linear.weight",
        "perception.linear.bias",
    }
    assert sorted(names) == sorted(id(p) for group in groups for p in group["params"])


def test_frozen_parameters_are_in_no_group() -> None:
    model = build_model("resnet20", num_classes=10, image_size=32)
    freeze(model, "all_but_head")
    groups = parameter_groups(model, 0.1, weight_decay=0.5, head_lr=None)
    assert [[p.shape for p in group["params"]] for group in groups] == [[(10, 64)], [(10,)]]
    assert all(group["lr"] == 0.1 for group in groups)


def test_adams_decay_is_part_of_the_gradient_and_adamws_is_not() -> None:
    """Of weights without a gradient, Adam takes a whole step by the decay alone; AdamW the decay itself."""
    for name, expected in (("adam", 1 - 0.1), ("adamw", 1 * (1 - 0.1 * 0.5))):
        model = nn.Linear(1, 1)
        nn.init.ones_(model.weight)
        model.weight.grad = torch.zeros(1, 1)
        build_optimizer(model, name, lr=0.1, weight_decay=0.5).step()
        assert model.weight.item() == pytest.approx(expected)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(UserError, match=f"optimizer=nope is unknown; choose one of: {', '.join(OPTIMIZERS)}"):
        build_optimizer(nn.Linear(1, 1), "nope", lr=0.1, weight_decay=0.0)
    with pytest.raises(UserError, match="optimizer=sgd has no option 'beta'; it takes: .*momentum"):
        build_optimizer(nn.Linear(1, 1), "sgd", lr=0.1, weight_decay=0.0, beta=1)
    with pytest.raises(UserError, match="optimizer=adam refuses its options: Invalid beta parameter at index 0: 1.5"):
        build_optimizer(nn.Linear(1, 1), "adam", lr=0.1, weight_decay=0.0, betas=[1.5, 0.999])
