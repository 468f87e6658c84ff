"""Explanations by masked pictures against another library's, or as many bare forwards of the model as it is."""

import statistics
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from relprop.benchmark.cases import MaskingCase
from relprop.benchmark.competitors import gradcam_scorecam
from relprop.benchmark.memory import peaks
from relprop.benchmark.sides import bare_forwards, bound, compared, drift, interleave, prepare, setting
from relprop.explainers import get_explainer
from relprop.explainers.scorecam import ScoreCAM

GRADCAM_BATCH = 16  # its default
BARE_BATCHES = (8, 32)  # besides the case's own


def measure_masking(case: MaskingCase, memory_format: str, repeats: int, competitors: bool = True) -> dict[str, Any]:
    """What an explanation takes, in seconds and memory, and its ratio to the fastest baseline's.

    Score-CAM has grad-cam's as baseline, with its own and our number of pictures in one forward. RISE, and Score-CAM
    without `competitors`, have as many bare forwards, in several batches. `drift` is against the same explanation by
    the model as it is, unfolded and in float32; `agreement` is that of the maps, each from 0 to 1, with the library's.
    """
    model, images, target = prepare(case, memory_format)
    explainer = get_explainer(case.method, model, **case.options)
    exact, forwards = _as_given(case, model, images, target)
    baselines, about = _baselines(case, model, images, target, forwards, competitors)
    calls = {"explainer": bound(explainer, images, target), **baselines}
    times = interleave(calls, repeats, images.device)
    best = min(baselines, key=lambda name: statistics.median(times[name]))
    own, seconds = compared(times, "explainer", best, case.batch), statistics.median(times[best])
    return {
        "case": case.name,
        "baseline": best,
        **own,
        "throughput_ratio": seconds / own["seconds"],
        "baseline_seconds": seconds,
        "forwards": forwards,
        **peaks(calls["explainer"], calls[best], images.device),
        "drift": drift(calls["explainer"](), exact),
        "agreement": _agreement(exact, calls[best]()) if about else None,
        "others": {name: {**compared(times, name, best, case.batch), **about} for name in baselines},
        **case.options,
        **setting(case, memory_format, repeats, images.device),
    }


def _as_given(case: MaskingCase, model: nn.Module, images: Tensor, target: Tensor) -> tuple[Tensor, int]:
    """The explanation by the network as it is, and how many pictures that took. The hook keeps it from being folded."""
    sizes: list[int] = []
    handle = model.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    try:
        exact = get_explainer(case.method, model, **{**case.options, "dtype": "float32"})(images, target)
    finally:
        handle.remove()
    return exact, sum(sizes)


def _baselines(
    case: MaskingCase, model: nn.Module, images: Tensor, target: Tensor, forwards: int, competitors: bool
) -> tuple[dict[str, Callable[[], Tensor]], dict[str, str]]:
    """What the explanation is compared with, by name, and the library that all of it is of, if one."""
    if case.method == "scorecam" and competitors:
        layer = ScoreCAM(model).layer.name(images)
        sides = {size: gradcam_scorecam(layer, size) for size in sorted({GRADCAM_BATCH, case.pictures})}
        calls = {f"grad-cam, {size} at once": bound(s.build(model), images, target) for size, s in sides.items()}
        return calls, sides[GRADCAM_BATCH].about()
    sizes = sorted({*BARE_BATCHES, case.pictures})
    return {f"bare forwards, {size} at once": bare_forwards(model, images, forwards, size) for size in sizes}, {}


def _agreement(attribution: Tensor, theirs: Tensor) -> dict[str, float]:
    """How near the map of our attribution (N, C, H, W), from 0 to 1, is to theirs (N, H, W), which is so already."""
    ours = attribution.sum(1, keepdim=True)
    low, high = ours.amin((2, 3), keepdim=True), ours.amax((2, 3), keepdim=True)
    return drift((ours - low) / (high - low), theirs.unsqueeze(1).to(ours))
