"""Whether a map can be trusted: insertion and deletion of it, against maps of noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers import get_explainer
from relprop.metrics import InsertionDeletion, Protocol
from relprop.metrics.perturbation.protocol import get_protocol

DRAWS = 3
"""How many random maps there are: one alone is a matter of luck."""

PIXELS = 4_000_000
"""At most about so many go through the network for each map: a ResNet-18 on two cores takes a second."""

LEAST_STEPS = 10
BATCH = 32


@dataclass(frozen=True)
class Trust:
    """Rows of `InsertionDeletion`, with curves and areas: one of each method, by name, and one of each random map.

    `left_out`: why a method has none, by name; `note`: how all were scored, protocol and step.
    """

    methods: Mapping[str, Mapping[str, Any]]
    random: Sequence[Mapping[str, Any]]
    left_out: Mapping[str, str]
    note: str


def trust_curves(
    network: nn.Module,
    image: Tensor,
    heatmaps: Mapping[str, Tensor],
    target: int,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    protocol: str | Protocol | Mapping[str, Any] = "strict",
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Trust:
    """Score every heatmap (S, S) of an image (3, S, S), normalised by `mean` and `std`, and `DRAWS` random ones.

    The random maps are those of the explainer `random` with `seed` and the seeds after it, their channels summed. All
    are scored by one protocol, as `InsertionDeletion` takes it. If it has no `step` of its own, but a share of all
    pixels, steps are larger than that where it would take more than `PIXELS`; the note says so. `progress` is told how
    many of how many maps are done. A map that ranks no pixel before another, or is not finite, is left out. Raises
    `UserError` if none is left, and for a protocol without insertion and deletion.
    """
    left_out = {name: reason for name, heatmap in heatmaps.items() if (reason := _flaw(heatmap))}
    scored = {name: heatmap for name, heatmap in heatmaps.items() if name not in left_out}
    if not scored:
        raise UserError(
            "; ".join(f"{name}: {reason}" for name, reason in left_out.items()) or "there is no map to score"
        )
    images = image.unsqueeze(0)
    noise = [get_explainer("random", network, seed=seed + draw)(images, target).sum(1)[0] for draw in range(DRAWS)]
    chosen = get_protocol(protocol)
    pixels = image.shape[1] * image.shape[2]
    step = _larger_step(chosen, pixels)
    metric = InsertionDeletion(network, chosen, step, mean=mean, std=std, batch_size=BATCH, seed=seed)
    maps, classes = [*scored.values(), *noise], torch.tensor([target], device=image.device)
    for done, heatmap in enumerate(maps, start=1):
        metric.update(images, heatmap.unsqueeze(0).to(image.device), classes)
        progress(done, len(maps))
    rows = metric.rows
    methods = dict(zip(scored, rows, strict=False))
    instead = "" if step is None else f" instead of {chosen.step_of(pixels):,}, to be quick"
    return Trust(methods, rows[len(scored) :], left_out, _note(rows[0], chosen, instead))


def _flaw(heatmap: Tensor) -> str:
    """What keeps a map from being scored, if anything does."""
    if not heatmap.isfinite().all():
        return "the map has NaN or infinite values"
    if heatmap.amax() == heatmap.amin():
        return "all values of the map are equal, so that it ranks no pixel before another"
    return ""


def _larger_step(protocol: Protocol, pixels: int) -> int | None:
    """Pixels per step, where the protocol's own steps take too long. Two curves of n steps take 2 · n · `pixels`."""
    steps = max(PIXELS // (2 * pixels), LEAST_STEPS)
    is_free = protocol.schedule == "step" and protocol.step is None and protocol.steps is None and protocol.patch == 1
    return pixels // steps if is_free and pixels // steps > protocol.step_of(pixels) else None


def _note(row: Mapping[str, Any], protocol: Protocol, instead: str) -> str:
    """The protocol, and what its name does not say."""
    if protocol.schedule != "step":
        return f"protocol {row['protocol']}"
    patch, ending = row["patch"], "" if row["step"] == 1 else "s"
    unit = f"pixel{ending}" if patch == 1 else f"square{ending} of {patch} × {patch} pixels"
    return f"protocol {row['protocol']}, {row['step']:,} {unit} per step{instead}"
