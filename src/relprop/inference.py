"""Run a classifier as it is used: in evaluation mode and in full float32, left as it was found."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

HOOKS = ("_forward_hooks", "_forward_pre_hooks")
GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks")  # of every module there is
RECOMPUTING = (BasePruningMethod, WeightNorm, SpectralNorm)  # torch's own pre-hooks, which only make a weight


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
    """No forward hook of the caller's fires inside, not even those of every module; afterwards all are back."""
    hooks: list[tuple[Any, str, Any]]
    hooks = [(module, name, getattr(module, name)) for module in model.modules() for name in HOOKS]
    hooks += [(torch_module, name, getattr(torch_module, name)) for name in GLOBAL_HOOKS]
    for module, name, _ in hooks:
        setattr(module, name, OrderedDict())
    try:
        yield
    finally:
        for module, name, registered in hooks:
            setattr(module, name, registered)


def hooked_modules(model: nn.Module) -> list[str]:
    """Names of the modules at which the caller's forward hooks or pre-hooks fire: "" is the model, "*" every module.

    Hooks with which torch computes a weight from others, as pruning does, are not the caller's.
    """
    names = ["*"] if any(getattr(torch_module, name) for name in GLOBAL_HOOKS) else []
    for path, module in model.named_modules():
        hooks = [hook for name in HOOKS for hook in getattr(module, name).values()]
        if not all(isinstance(hook, RECOMPUTING) for hook in hooks):
            names.append(path)
    return names


def recompute_weights(model: nn.Module) -> None:
    """Bring weights up to date that torch computes from others before each forward, for those who read them.

    Pruning and the older weight and spectral norm (of `torch.nn.utils`, not its parametrizations) leave a weight as it
    was at the last forward. It is replaced, as the next forward would do, and not written to.
    """
    with torch.no_grad():
        for module in model.modules():
            for hook in module._forward_pre_hooks.values():
                if isinstance(hook, RECOMPUTING):
                    with evaluation_mode(module):  # a spectral norm in training mode would take a step
                        hook(module, ())


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
