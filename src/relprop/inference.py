"""Run a classifier as it is used: in evaluation mode and in full float32, left as it was found."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

HOOKS = ("_forward_hooks", "_forward_pre_hooks")


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every module is in the mode that it was in before."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def without_hooks(model: nn.Module) -> Iterator[None]:
    """No forward hook of the caller's fires inside; afterwards all are back."""
    hooks = [(module, name, getattr(module, name)) for module in model.modules() for name in HOOKS]
    for module, name, _ in hooks:
        setattr(module, name, OrderedDict())
    try:
        yield
    finally:
        for module, name, registered in hooks:
            setattr(module, name, registered)


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """No autocast and, on a GPU, no TF32 convolutions (torch's default, which keeps 10 of 23 bits)."""
    tf32 = torch.backends.cudnn.allow_tf32
    try:
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = tf32


def fingerprint(model: nn.Module) -> tuple[Any, ...]:
    """Changes whenever a module, parameter or buffer of `model` is replaced, moved or written to.

    Only writes that torch itself does not count, through `.data` or to inference tensors, go unseen.
    """
    modules = tuple(id(module) for module in model.modules())
    tensors = [*model.parameters(), *model.buffers()]
    versions = tuple((t.data_ptr(), t.device, t.dtype, None if t.is_inference() else t._version) for t in tensors)
    return modules, versions
