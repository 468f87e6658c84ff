"""In-place operations: whoever asks for a changed tensor afterwards, under whatever name, gets the changed one."""

from torch import fx

from relprop.lrp.graph import Kind, Step
from relprop.lrp.modules import Refuse
from relprop.lrp.operations import VIEWS


def follow_inplace(node: fx.Node, steps: list[Step], index: dict[fx.Node, int], refuse: Refuse) -> None:
    """Make `index` say so after `node`, whose step changes its first input.

    A change of a part of a tensor that is used as a whole afterwards cannot be said in steps, and is refused.
    """
    changed = steps[index[node]].inputs[0]
    for other, at in list(index.items()):
        if other is node or _origin(at, steps, VIEWS) != _origin(changed, steps, VIEWS):
            continue
        if _origin(at, steps) == _origin(changed, steps):
            index[other] = index[node]
        elif any(user > node for user in other.users):
            raise refuse(node, "an in-place change of a part of a tensor", "Change it out of place.")


def _origin(at: int, steps: list[Step], through: tuple[str, ...] = ()) -> int:
    """The step that made the tensor which step `at` hands on, by identities or also `through` views of it."""
    step = steps[at]
    same = step.kind is Kind.IDENTITY or (step.kind is Kind.ROUTE and step.operation in through)
    return _origin(step.inputs[0], steps, through) if same else at
