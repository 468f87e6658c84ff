"""Read a network into a `Graph` with torch.fx. Whatever has no rule is refused here, when the engine is built."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from relprop.inference import evaluation_mode, without_hooks
from relprop.lrp import operations as ops
from relprop.lrp.aliases import follow_inplace
from relprop.lrp.graph import NO_RELEVANCE, Graph, Kind, Step, UnsupportedOperationError, annotate
from relprop.lrp.modules import as_module, as_reduction, check_module, known_type
from relprop.lrp.tracer import Tracer


def trace(model: nn.Module) -> Graph:
    """The steps that `model` runs in evaluation mode; the model is left as it was.

    Raises `UnsupportedOperationError`, which names the module's path, the operation and what to do.
    """
    with evaluation_mode(model), without_hooks(model):
        try:
            nodes = Tracer().trace(model).nodes
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
                follow_inplace(node, self.steps, self.index, self._refused)
        raise AssertionError("torch.fx gave a graph without an output")

    def _step(self, node: fx.Node) -> Step:
        if node.op == "placeholder" and not self.steps:
            return Step(0, self._unique("input"), Kind.INPUT)
        if node.op == "get_attr":
            return self._constant(node)
        if node.op == "call_module":
            path = str(node.target)
            return self._module_step(node, self.model.get_submodule(path), path)
        if node.op.startswith("call_"):
            module = self._equal_module(node)
            if module is not None:
                return self._module_step(node, module, _join(self._caller(node), type(module).__name__.lower()))
            return self._function_step(node)
        raise self._refused(
            node, f"{node.op} '{node.target}'", "The network must take one image batch and no loose tensors."
        )

    def _equal_module(self, node: fx.Node) -> nn.Module | None:
        if not self._tensors(node):
            return None
        if node.target in ops.AS_MODULE:
            return as_module(node, self.model, ops.AS_MODULE[node.target], self._refused)
        if node.target in ops.REDUCTIONS:
            return as_reduction(node, ops.REDUCTIONS[node.target], self._refused)
        return None

    def _constant(self, node: fx.Node) -> Step:
        """A parameter or buffer by itself, read anew at every call, since it may be trained."""
        path = str(node.target)
        module, _, name = path.rpartition(".")
        owner = self.model.get_submodule(module)
        value = getattr(owner, name)
        if not isinstance(value, Tensor):
            raise self._refused(node, f"the attribute '{path}'", "Only parameters and buffers are read.")

        def current(values: Sequence[Any]) -> Tensor:
            constant: Tensor = getattr(owner, name).detach()
            constant = constant.clone() if constant.is_inference() else constant
            return constant.to(values[0].dtype) if constant.is_floating_point() else constant

        return Step(len(self.steps), self._unique(path), Kind.CONSTANT, function=current, operation="get_attr")

    def _module_step(self, node: fx.Node, module: nn.Module, path: str) -> Step:
        known = known_type(module)
        if known is None:
            names = ", ".join(sorted(known.__name__ for known in ops.MODULES))
            raise self._refused(node, f"the module {type(module).__name__}", f"Modules with a rule: {names}.")
        kind = ops.MODULES[known]
        if not self._tensors(node):
            raise self._refused(node, f"{type(module).__name__} of a constant", "Give it what depends on the image.")
        check_module(node, known, kind, module, self._refused)
        return Step(
            len(self.steps),
            self._unique(path),
            kind,
            (self.index[node.all_input_nodes[0]],),
            module,
            operation=known.__name__.lower(),
            nonnegative=issubclass(known, ops.NONNEGATIVE),
        )

    def _function_step(self, node: fx.Node) -> Step:
        kind = self._kind(node)
        operation: Any = _operation(node)
        index = {source: self.index[source] for source in node.all_input_nodes}
        # a view of the network's memory order may need a copy in the engine's
        run: Any = torch.Tensor.reshape if operation is torch.Tensor.view else operation

        def function(values: Sequence[Any]) -> Any:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda source: values[index[source]])
            return run(*args, **kwargs)

        inputs = () if kind in NO_RELEVANCE else self._inputs(node, kind, operation.__name__)
        return Step(
            len(self.steps),
            self._unique(_join(self._caller(node), operation.__name__)),
            kind,
            inputs,
            function=function,
            operation=operation.__name__,
            signal=self._signal(node, inputs) if kind is Kind.PRODUCT else None,
            dim=_dimension(node) if kind is Kind.CONCAT else 0,
        )

    def _kind(self, node: fx.Node) -> Kind:
        if node.target in ops.SIZES:
            if node.target is getattr and node.args[1] not in ("shape", "ndim"):
                raise self._refused(node, f"the attribute '{node.args[1]}' of a tensor", "Only .shape is read.")
            return Kind.SIZE
        if node.all_input_nodes and not self._tensors(node):
            kinds = {self.steps[self.index[source]].kind for source in node.all_input_nodes}
            return Kind.SIZE if kinds == {Kind.SIZE} else Kind.CONSTANT
        if node.target in ops.ARITHMETIC:
            return self._arithmetic(node)
        if node.target in ops.CONCATENATIONS:
            return Kind.CONCAT
        if node.target is F.pad and (node.kwargs.get("value") or node.kwargs.get("mode", "constant") != "constant"):
            raise self._refused(node, "padding with something else than zero", "Pad with zeros.")
        if node.target in ops.ROUTES:
            return Kind.ROUTE
        if node.target in ops.IDENTITIES or _full_name(node.target) in ops.IDENTITIES_BY_NAME:
            return Kind.IDENTITY
        name = _operation(node).__name__
        raise self._refused(node, f"the function {name}", f"Functions with a rule: {ops.names_of_functions()}.")

    def _arithmetic(self, node: fx.Node) -> Kind:
        """Additions and products of two tensors that depend on the image; whatever has one is affine."""
        if node.kwargs.get("rounding_mode"):
            raise self._refused(node, f"{_operation(node).__name__} with a rounding_mode", "Divide without rounding.")
        tensors = self._tensors(node)
        if len(tensors) == 1:
            twice = sum(isinstance(arg, fx.Node) and self.index[arg] == tensors[0] for arg in node.args) > 1
            divides_by = node.target in ops.DIVISIONS and self._index_of(node.args[0]) != tensors[0]
            if (twice and node.target not in ops.ADDITIONS) or divides_by:
                raise self._refused(node, f"{node.format_node()}, which is not linear", "Use a + b or a * gate.")
            return Kind.AFFINE
        if node.target in ops.ADDITIONS and node.kwargs.get("alpha", 1) == 1:
            return Kind.ADD
        if node.target in ops.PRODUCTS:
            return Kind.PRODUCT
        raise self._refused(node, f"{node.format_node()} of two tensors", "Use a + b, a + (-1 * b), or a * gate.")

    def _index_of(self, argument: Any) -> int | None:
        return self.index[argument] if isinstance(argument, fx.Node) else None

    def _tensors(self, node: fx.Node) -> list[int]:
        """The steps that `node` takes whose outputs depend on the values of the image, each once."""
        found = dict.fromkeys(self.index[source] for source in node.all_input_nodes)
        return [index for index in found if self.steps[index].kind not in NO_RELEVANCE]

    def _inputs(self, node: fx.Node, kind: Kind, name: str) -> tuple[int, ...]:
        tensors = self._tensors(node)
        if kind is Kind.CONCAT:
            parts: Any = node.args[0] if node.args else node.kwargs["tensors"]
            if any(self.index[part] not in tensors for part in parts):
                raise self._refused(node, "concatenation with a constant", "Concatenate what depends on the image.")
            return tuple(self.index[part] for part in parts)
        if kind is Kind.ROUTE and len(tensors) != 1:
            raise self._refused(node, f"{name} by the values of a tensor", "Index with numbers.")
        return tuple(tensors)

    def _signal(self, node: fx.Node, inputs: tuple[int, ...]) -> int:
        signals = [index for index in inputs if not self._is_gate(index)]
        if len(signals) != 1:
            what = "neither of which is a gate" if signals else "both of which are gates"
            gates = ", ".join(gate.__name__ for gate in ops.GATES)
            raise self._refused(
                node, f"the product of two tensors, {what}", f"One side must come from one of: {gates}."
            )
        return signals[0]

    def _is_gate(self, index: int) -> bool:
        """Whether the output of a step is that of a bounded activation, moved about, averaged or scaled."""
        step = self.steps[index]
        if step.kind is Kind.ACTIVATION:
            return issubclass(known_type(step.module) or nn.Module, ops.GATES)
        passing = {Kind.IDENTITY, Kind.ROUTE, Kind.AVGPOOL, Kind.MAXPOOL, Kind.AFFINE, Kind.PRODUCT, Kind.CONCAT}
        return step.kind in passing and all(self._is_gate(source) for source in step.inputs)

    def _logits(self, node: fx.Node) -> int:
        result = node.args[0]
        if not isinstance(result, fx.Node):
            raise UnsupportedOperationError(
                f"{type(self.model).__name__} returns a {type(result).__name__}; LRP starts from one tensor of logits "
                "(N, classes). Wrap the network in a module that returns them."
            )
        return self.index[result]

    def _is_inplace(self, node: fx.Node) -> bool:
        if node.target in ops.IN_PLACE:
            return self.steps[-1].kind not in NO_RELEVANCE
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


def _operation(node: fx.Node) -> Callable[..., Any]:
    """The callable behind a node, out of place even when the network calls it in place."""
    operation: Callable[..., Any]
    if node.target in ops.IN_PLACE:
        operation = ops.IN_PLACE[node.target]
    elif node.op == "call_method":
        operation = getattr(torch.Tensor, str(node.target))
    else:
        assert callable(node.target)
        operation = node.target
    return operation


def _dimension(node: fx.Node) -> Any:
    """Along which a concatenation goes."""
    return node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", node.kwargs.get("axis", 0))


def _full_name(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
