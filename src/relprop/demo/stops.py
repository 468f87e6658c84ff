"""The stops on the way back through the layers, as the page's slider takes them."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from relprop.demo.drawing import SMALL, embedded_map
from relprop.demo.layers import Stop
from relprop.visualization import is_signed
from relprop.visualization.colors import limit_text

WIDE = 64  # neurons of a layer that has no place in the picture stand in lines of so many


def stops_value(stops: Sequence[Stop]) -> dict[str, Any]:
    """All stops with pictures and facts, and which is shown first: the one halfway.

    `left` is the relevance still under way before a step: what the class began with, less all that was absorbed since.
    Of rules that do not conserve relevance, so that this is not what arrives at the image, nothing is said of it.
    """
    start = stops[0].row.relevance_out if stops[0].row else 0.0
    left = [start - sum(stop.row.lost for stop in stops[:i] if stop.row) for i in range(len(stops))]
    conserved = abs(left[-1] - stops[-1].relevance.sum().item()) <= 0.01 * abs(start)
    told = [_told(stop, under_way if conserved else None, start) for stop, under_way in zip(stops, left, strict=True)]
    return {"stops": told, "first": len(stops) // 2, "conserved": conserved}


def _told(stop: Stop, left: float | None, start: float) -> dict[str, Any]:
    heatmap = stop.relevance if stop.relevance.dim() == 2 else _in_lines(stop.relevance)
    height, width = heatmap.shape
    return {
        "name": stop.name,
        "image": embedded_map(heatmap, is_signed(heatmap.unsqueeze(0))),
        "width": width,
        "height": height,
        "small": max(height, width) <= SMALL,
        "caption": f"{_shape(stop)}; full colour: {limit_text(heatmap)}",
        "facts": _facts(stop, left, start),
        "note": _note(stop),
        "left": left,
    }


def _facts(stop: Stop, left: float | None, start: float) -> list[tuple[str, str]]:
    under_way = [] if left is None else [("under way", f"{_number(left)}{_share(left, start)}")]
    if stop.row is None:
        return [("arrives", _number(stop.relevance.sum().item())), *under_way]
    row = stop.row
    causes = ", ".join(f"{cause} {_number(amount)}" for cause, amount in row.absorbed.items() if amount)
    return [
        ("rule", row.rule),
        ("gets", f"{_number(row.relevance_out)}{_share(row.relevance_out, start)}"),
        ("hands on", _number(row.relevance_in)),
        ("absorbs", _number(row.lost) + (f" ({causes})" if causes else "")),
        ("unexplained", f"{_number(100 * row.error, 1)} %"),
        *under_way,
    ]


def _note(stop: Stop) -> str:
    if stop.row is None:
        return "Relevance of the image, summed over its channels."
    if stop.relevance.dim() == 1:
        return "One square is one neuron, line by line."
    return "Relevance of the output of this step, summed over its channels."


def _in_lines(values: Tensor) -> Tensor:
    """Values (F,) in lines of up to `WIDE`, zeros behind the last: (H, W)."""
    width = min(WIDE, len(values))
    return F.pad(values, (0, -len(values) % width)).view(-1, width)


def _shape(stop: Stop) -> str:
    if stop.relevance.dim() == 1:
        return f"{len(stop.relevance)} neurons"
    channels, *size = stop.shape
    return f"{channels} channels of {' × '.join(map(str, size))}"


def _share(value: float, start: float) -> str:
    return f" ({100 * value / start:.1f} %)".replace("-", "−") if start else ""


def _number(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}g}".replace("-", "−")
