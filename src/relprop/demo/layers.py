"""The way of relevance back through the network, step by step, with what every step does to it."""

from dataclasses import dataclass

from torch import Tensor

from relprop.demo.choice import Choice
from relprop.demo.looking import View
from relprop.demo.studio import Studio
from relprop.errors import UserError
from relprop.explainers.lrp import LRPExplainer
from relprop.lrp.audit import AuditRow


@dataclass(frozen=True)
class Stop:
    """A step on the way: its row of the audit, and the relevance that arrives at its output, channels summed.

    `relevance` is (H, W) behind a spatial layer, of `shape` (C, H, W), or (F,) behind any other, (C, 1, 1) included. At
    the image, the last stop, nothing is handed on, and `row` is None.
    """

    name: str
    shape: tuple[int, ...]
    relevance: Tensor
    row: AuditRow | None


def walk_back(studio: Studio, view: View, choice: Choice) -> list[Stop]:
    """All stops from the logits to the image, for the class that is explained.

    Raises `UserError` if LRP is not among the methods, does not go with the network, or gives NaN or infinite values.
    """
    if "lrp" not in choice.methods:
        raise UserError("only method lrp walks through the layers; choose it among the methods")
    with studio.lock:
        explainer = studio.method(view.opened, choice, "lrp").method.explainer
        assert isinstance(explainer, LRPExplainer)
        relevance = explainer.engine.trace(view.images, view.target)
        rows = {row.step: row for row in explainer.engine.audit(view.images, view.target).rows}
    for name, values in reversed(relevance.items()):
        if not values.isfinite().all():
            raise UserError(f"the relevance at {name} has NaN or infinite values; choose another composite or class")
    return [_stop(name, values[0], rows.get(name)) for name, values in reversed(relevance.items())]


def _stop(name: str, values: Tensor, row: AuditRow | None) -> Stop:
    spatial = values.dim() == 3 and values.shape[1:] != (1, 1)
    return Stop(name, tuple(values.shape), (values.sum(0) if spatial else values.flatten()).float().cpu(), row)
