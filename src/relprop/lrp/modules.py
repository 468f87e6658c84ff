"""Modules as the engine takes them: which type's forward they run, functions as modules, options without a rule."""

from collections.abc import Callable
from typing import Any

from torch import fx, nn

from relprop.lrp.graph import Kind, UnsupportedOperationError
from relprop.lrp.operations import MODULES, Mean

Refuse = Callable[[fx.Node, str, str], UnsupportedOperationError]


def known_type(module: nn.Module) -> type[nn.Module] | None:
    """The type with a rule whose forward `module` runs; None if there is none."""
    base: Any
    for base in type(module).__mro__:
        if base in MODULES:
            return base if all(_is_inherited(module, base, name) for name in ("forward", "_conv_forward")) else None
    return None


def _is_inherited(module: nn.Module, base: type[nn.Module], method: str) -> bool:
    """Whether neither the module's class nor the module itself has a `method` other than that of `base`."""
    return method not in vars(module) and getattr(type(module), method, None) is getattr(base, method, None)


def check_module(node: fx.Node, known: type[nn.Module], kind: Kind, module: Any, refuse: Refuse) -> None:
    """Refuse options of a known module that change what it computes into something without a rule."""
    if len(node.args) + len(node.kwargs) != 1 and node.op == "call_module":
        raise refuse(node, f"{type(module).__name__} called with more than one tensor", "Give it one tensor.")
    if kind is Kind.MAXPOOL and module.return_indices:
        raise refuse(node, str(module), "Use max pooling without indices.")
    if kind is Kind.BATCHNORM and module.running_mean is None:
        raise refuse(node, "a batch norm without running statistics", "Set track_running_stats=True.")
    if known is nn.Upsample and module.mode not in ("nearest", "nearest-exact", "bilinear", "linear", "trilinear"):
        raise refuse(node, f"interpolation by mode='{module.mode}'", "Interpolate by 'nearest' or 'bilinear'.")


def as_module(node: fx.Node, model: nn.Module, module_type: type[nn.Module], refuse: Refuse) -> nn.Module:
    """The module that computes what the call of a function does."""
    kwargs = _arguments(node, model, module_type)
    accepted = module_type.__init__.__annotations__
    for key, value in kwargs.items():
        if key not in accepted and value not in (None, False) and not key.startswith("_"):
            raise refuse(node, f"{key}={value} of {getattr(node.target, '__name__', node.target)}", "Leave it out.")
    kwargs = {key: value for key, value in kwargs.items() if key in accepted}
    if any(isinstance(value, fx.Node) for value in kwargs.values()):
        raise refuse(
            node,
            f"{getattr(node.target, '__name__', node.target)} with sizes read from a tensor",
            "Give numbers, or average all positions with nn.AdaptiveAvgPool2d(1).",
        )
    return module_type(**kwargs)


def _arguments(node: fx.Node, model: nn.Module, module_type: type[nn.Module]) -> dict[str, Any]:
    """All arguments but the tensor, by name."""
    try:
        arguments = node.normalized_arguments(model, normalize_to_only_use_kwargs=True)
    except RuntimeError:  # one of several signatures, which torch.fx cannot tell apart
        arguments = None
    kwargs = dict(arguments.kwargs) if arguments else {**_positional(node, module_type), **node.kwargs}
    return {key: value for key, value in kwargs.items() if key != "input"}


def _positional(node: fx.Node, module_type: type[nn.Module]) -> dict[str, Any]:
    """Arguments behind the tensor by the names that the module has for them."""
    names = [name for name in module_type.__init__.__annotations__ if name != "return"]
    return dict(zip(names, node.args[1:], strict=False))


def as_reduction(node: fx.Node, module_type: type[Mean], refuse: Refuse) -> nn.Module:
    """The mean or sum over dimensions of an image as a module."""
    given = dict(zip(("dim", "keepdim"), node.args[1:], strict=False))
    given.update(node.kwargs)
    dim = given.get("dim", given.get("axis"))
    dims = [dim] if isinstance(dim, int) else dim
    if not isinstance(dims, list | tuple) or not all(isinstance(d, int) for d in dims) or 0 in dims:
        raise refuse(node, f"{node.format_node()}", "Name the dimensions, as in x.mean((2, 3)), and leave out 0.")
    return module_type(tuple(dims), bool(given.get("keepdim", False)))
