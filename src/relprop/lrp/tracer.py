"""torch.fx as the engine uses it: known modules stay whole, and changes in place are noted as such."""

import operator
from collections.abc import Callable
from typing import Any

from torch import fx, nn

from relprop.lrp.modules import known_type


class Proxy(fx.Proxy):
    """Notes `x += y` as what it is: a change of x, which other names of that tensor see."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self._changed(operator.iadd, other)

    def __isub__(self, other: Any) -> fx.Proxy:
        return self._changed(operator.isub, other)

    def __imul__(self, other: Any) -> fx.Proxy:
        return self._changed(operator.imul, other)

    def __itruediv__(self, other: Any) -> fx.Proxy:
        return self._changed(operator.itruediv, other)

    def _changed(self, operation: Callable[..., Any], other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operation, (self, other), {})


class Tracer(fx.Tracer):
    """Sees modules with a rule as one operation, those of the user's own classes too if they compute the same."""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return known_type(m) is not None or super().is_leaf_module(m, module_qualified_name)
