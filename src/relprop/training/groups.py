"""Groups of parameters that are trained alike, by what they are and where they stand."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from relprop.models.head import head_modules


def parameter_groups(model: nn.Module, lr: float, weight_decay: float, head_lr: float | None) -> list[dict[str, Any]]:
    """The parameters in training in up to four groups with names of their own, for an optimizer.

    Weight decay acts on weights, not on norms and biases (He, T. et al. 2019, §3.1). The layers that depend on the
    number of classes have the learning rate `head_lr`, if there is one, all others `lr`.
    """
    heads = tuple(head_modules(model)) if head_lr is not None else ()
    groups: Mapping[str, dict[str, Any]] = {
        part + kind: {"name": part + kind, "params": [], "lr": rate, "weight_decay": decay}
        for part, rate in (("", lr), ("head_", head_lr))
        for kind, decay in (("weights", weight_decay), ("norms_and_biases", 0.0))
    }
    for name, parameter in model.named_parameters():
        part = "head_" if name.rpartition(".")[0] in heads else ""
        kind = "weights" if parameter.dim() > 1 else "norms_and_biases"
        if parameter.requires_grad:
            groups[part + kind]["params"].append(parameter)
    return [group for group in groups.values() if group["params"]]
