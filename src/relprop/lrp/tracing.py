"""Read a network into a `Graph` with torch.fx. Whatever has no rule is refused here, when the engine is built."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

from relprop.inference import evaluation_mode, without_hooks
from relprop.lrp.graph import Graph, Kind, Step, UnsupportedOperationError, annotate

MODULES: Mapping[type[nn.Module], Kind] = {
    nn.Conv2d: Kind.CONV,
    nn.Linear: Kind.LINEAR,
    nn.BatchNorm1d: Kind.BATCHNORM,
    nn.BatchNorm2d: Kind.BATCHNORM,
    nn.ReLU: Kind.RELU,
    nn.Dropout: Kind.IDENTITY,
    nn.Dropout2d: Kind.IDENTITY,
    nn.Identity: Kind.IDENTITY,
    nn.MaxPool2d: Kind.MAXPOOL,
    nn.AvgPool2d: Kind.AVGPOOL,
    nn.AdaptiveAvgPool2d: Kind.AVGPOOL,
    nn.Flatten: Kind.ROUTE,
}
# A function that means the same as a module becomes that module, so that rules have one form to know.
AS_MODULE: Mapping[Any, type[nn.Module]] = {
    F.relu: nn.ReLU,
    torch.relu: nn.ReLU,
    "relu": nn.ReLU,
    "relu_": nn.ReLU,
    F.dropout: nn.Dropout,
    F.max_pool2d: nn.MaxPool2d,
    F.avg_pool2d: nn.AvgPool2d,
    F.adaptive_avg_pool2d: nn.AdaptiveAvgPool2d,
}
ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
ROUTES = (torch.flatten, torch.reshape, operator.getitem, F.pad, "flatten", "view", "reshape")
SIZES = (getattr, "size")
VIEWS = ("flatten", "reshape", "view", "getitem")  # routes whose result may share memory with their input


def trace(model: nn.Module) -> Graph:
    """The steps that `model` runs in evaluation mode; the model is left as it was.

    Raises `UnsupportedOperationError`, which names the module's path, the operation and what to do.
    """
    with evaluation_mode(model), without_hooks(model):
        try:
            nodes = fx.Tracer().trace(model).nodes
        except Exception as error:
            raise UnsupportedOperationError(
                f"{type(model).__name__} cannot be traced by torch.fx: {error}. Control flow that depends on the "
                "values of tensors must go before the network can be explained."
            ) from error
        return annotate(_Reader(model).read(nodes))


class _Reader:
    """Turns torch.fx nodes into steps, one by one."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.steps: list[Step] = []
        self.index: dict[fx.Node, int] = {}
        self.calls: dict[str, int] = {}

    def read(self, nodes: Any) -> Graph:
        for node in nodes:
            if node.op == "output":
                return Graph(tuple(self.steps), self._logits(node))
            self.index[node] = len(self.steps)
            self.steps.append(self._step(node))
            if self._is_inplace(node):
                self._follow_inplace(node)
        raise AssertionError("torch.fx gave a graph without an output")

    def _step(self, node: fx.Node) -> Step:
        if node.op == "placeholder" and not self.steps:
            return Step(0, "input", Kind.INPUT)
        if node.op == "call_module":
            path = str(node.target)
            return self._module_step(node, self.model.get_submodule(path), path)
        if node.op.startswith("call_") and node.target in AS_MODULE:
            module = self._as_module(node, AS_MODULE[node.target])
            return self._module_step(node, module, _join(self._caller(node), type(module).__name__.lower()))
        if node.op.startswith("call_"):
            return self._function_step(node)
        raise self._refused(
            node, f"{node.op} '{node.target}'", "The network must take one image batch and no loose tensors."
        )

    def _module_step(self, node: fx.Node, module: Any, path: str) -> Step:
        kind = MODULES.get(type(module))
        if kind is None:
            known = ", ".join(sorted(known.__name__ for known in MODULES))
            raise self._refused(node, f"the module {type(module).__name__}", f"Modules with a rule: {known}.")
        if getattr(module, "padding_mode", "zeros") != "zeros":
            raise self._refused(node, f"padding_mode='{module.padding_mode}'", "Pad with zeros.")
        if kind is Kind.CONV and module.padding == "same" and not all(k % 2 for k in module.kernel_size):
            raise self._refused(node, "padding='same' around an even kernel", "Pad with a number.")
        if kind is Kind.MAXPOOL and (module.return_indices or module.dilation not in (1, (1, 1))):
            raise self._refused(node, str(module), "Use max pooling without dilation and without indices.")
        if kind is Kind.BATCHNORM and module.running_mean is None:
            raise self._refused(node, "a batch norm without running statistics", "Set track_running_stats=True.")
        source = self.index[node.all_input_nodes[0]]
        operation = "flatten" if kind is Kind.ROUTE else ""
        return Step(len(self.steps), self._unique(path), kind, (source,), module, operation=operation)

    def _function_step(self, node: fx.Node) -> Step:
        kind, operation = self._kind(node), _operation(node)
        index = {source: self.index[source] for source in node.all_input_nodes}
        tensors = [i for i in index.values() if self.steps[i].kind is not Kind.SIZE]
        if kind is Kind.ADD and (len(tensors) != 2 or len(node.args) != 2 or node.kwargs.get("alpha", 1) != 1):
            raise self._refused(node, f"the addition {node.format_node()}", "Add two different tensors: a + b.")
        if kind is Kind.ROUTE and len(tensors) != 1:
            raise self._refused(node, f"{operation.__name__} by the values of a tensor", "Index with numbers.")

        def function(values: Sequence[Any]) -> Any:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda source: values[index[source]])
            return operation(*args, **kwargs)

        name = self._unique(_join(self._caller(node), operation.__name__))
        inputs = () if kind is Kind.SIZE else tuple(tensors)
        return Step(len(self.steps), name, kind, inputs, function=function, operation=operation.__name__)

    def _follow_inplace(self, node: fx.Node) -> None:
        """Whoever asks from now on for the tensor that `node` changes, under whatever name, gets the changed one."""
        changed = self.steps[self.index[node]].inputs[0]
        for other, index in list(self.index.items()):
            if other is node or self._origin(index, VIEWS) != self._origin(changed, VIEWS):
                continue
            if self._origin(index) == self._origin(changed):
                self.index[other] = self.index[node]
            elif any(user > node for user in other.users):
                raise self._refused(node, "an in-place change of a part of a tensor", "Change it out of place.")

    def _origin(self, index: int, through: tuple[str, ...] = ()) -> int:
        """The step that made the tensor which step `index` hands on, by identities or also `through` views of it."""
        step = self.steps[index]
        same = step.kind is Kind.IDENTITY or (step.kind is Kind.ROUTE and step.operation in through)
        return self._origin(step.inputs[0], through) if same else index

    def _kind(self, node: fx.Node) -> Kind:
        of_size = any(self.steps[self.index[n]].kind is Kind.SIZE for n in node.all_input_nodes[:1])
        if of_size or node.target in SIZES:
            if node.target is getattr and node.args[1] != "shape":
                raise self._refused(node, f"the attribute '{node.args[1]}' of a tensor", "Only .shape is read.")
            return Kind.SIZE
        if node.target in ADDITIONS:
            return Kind.ADD
        if node.target is F.pad and (node.kwargs.get("value") or node.kwargs.get("mode", "constant") != "constant"):
            raise self._refused(node, "padding with something else than zero", "Pad with zeros.")
        if node.target in ROUTES:
            return Kind.ROUTE
        known = ", ".join(sorted({getattr(f, "__name__", str(f)) for f in (*AS_MODULE, *ADDITIONS, *ROUTES)}))
        raise self._refused(node, f"the function {_operation(node).__name__}", f"Functions with a rule: {known}.")

    def _logits(self, node: fx.Node) -> int:
        result = node.args[0]
        if not isinstance(result, fx.Node):
            raise UnsupportedOperationError(
                f"{type(self.model).__name__} returns a {type(result).__name__}; LRP starts from one tensor of logits "
                "(N, classes). Wrap the network in a module that returns them."
            )
        return self.index[result]

    def _as_module(self, node: fx.Node, module_type: type[nn.Module]) -> nn.Module:
        arguments = node.normalized_arguments(self.model, normalize_to_only_use_kwargs=True)
        kwargs = dict(arguments.kwargs) if arguments else dict(node.kwargs)
        kwargs.pop("input", None)
        if any(isinstance(value, fx.Node) for value in kwargs.values()):
            raise self._refused(
                node,
                f"{_operation(node).__name__} with sizes read from a tensor",
                "Give numbers, or average all positions with nn.AdaptiveAvgPool2d(1).",
            )
        accepted = module_type.__init__.__annotations__
        return module_type(**{key: value for key, value in kwargs.items() if key in accepted})

    def _is_inplace(self, node: fx.Node) -> bool:
        if node.target in (operator.iadd, "add_", "relu_"):
            return True
        return bool(getattr(self.steps[-1].module, "inplace", False) or node.kwargs.get("inplace", False))

    def _caller(self, node: fx.Node) -> str:
        stack = node.meta.get("nn_module_stack") or {}
        return next((path for path, _ in reversed(stack.values())), "")

    def _unique(self, name: str) -> str:
        self.calls[name] = self.calls.get(name, 0) + 1
        return name if self.calls[name] == 1 else f"{name}:{self.calls[name]}"

    def _refused(self, node: fx.Node, what: str, remedy: str) -> UnsupportedOperationError:
        where = str(node.target) if node.op == "call_module" else self._caller(node) or type(self.model).__name__
        return UnsupportedOperationError(f"{where}: LRP has no rule for {what}. {remedy}")


def _operation(node: fx.Node) -> Any:
    """The callable behind a node, out of place even when the network calls it in place."""
    if node.target in (operator.iadd, "add_"):
        return operator.add
    if node.op == "call_method":
        return getattr(torch.Tensor, str(node.target))
    return node.target


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
