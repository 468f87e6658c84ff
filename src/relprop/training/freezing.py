"""Layers that keep their weights while the others are trained."""

import re

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from relprop.errors import UserError
from relprop.models.head import head_modules


def freeze(model: nn.Module, what: str) -> list[str]:
    """Take from the training what `what` names; the names of the norms among it, which have to stay in evaluation mode.

    `none`; `all_but_head`, all but the layers that depend on the number of classes; `last_N`, all but the last N
    convolutions and linear layers, in the order of `model.named_modules()`, with the norms behind each of them.
    Raises `UserError` for something else, and for more layers than there are.
    """
    if what == "none":
        return []
    trained = _trained(model, what)
    frozen = {name: module for name, module in model.named_modules() if name not in trained}
    for module in frozen.values():
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
    return [name for name, module in frozen.items() if isinstance(module, _BatchNorm)]


def _trained(model: nn.Module, what: str) -> set[str]:
    """Names of the modules that stay in training."""
    names = [name for name, _ in model.named_modules()]
    if what == "all_but_head":
        return set(head_modules(model))
    wanted = re.fullmatch(r"last_([1-9]\d*)", what)
    if wanted is None:
        raise UserError(f"freeze={what} is not valid; choose one of: none, all_but_head, last_N (such as last_3)")
    layers = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    count = int(wanted[1])
    if count > len(layers):
        raise UserError(
            f"freeze={what} was given, but this {type(model).__name__} has {len(layers)} layers with weights; "
            f"choose last_1 to last_{len(layers)}, or none"
        )
    return set(names[names.index(layers[-count]) :])
