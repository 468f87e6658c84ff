"""LRP against a plain input gradient and other libraries."""

import statistics
import time
from typing import Any

from torch import nn

from relprop.benchmark.cases import LRPCase
from relprop.benchmark.competitors import COMPETITORS, Side
from relprop.benchmark.memory import held_megabytes, peaks
from relprop.benchmark.sides import bound, compared, drift, interleave, prepare, setting
from relprop.explainers import get_explainer


def measure_lrp(case: LRPCase, memory_format: str, repeats: int, competitors: bool = True) -> dict[str, Any]:
    """What LRP takes, in seconds and memory, and its ratio to the input gradient; the seconds of the other sides, too.

    Network and images have the named memory format on all sides. `seconds` are medians over `repeats` interleaved
    runs after one of each to warm up; `ratio_range` is the smallest and largest ratio of two runs side by side. What is
    done once for many batches is not part of them: `build_seconds` and `prepared_megabytes` are those of the engine.
    """
    model, images, target = prepare(case, memory_format)
    began = time.perf_counter()
    lrp = get_explainer("lrp", model, **case.options)
    build_seconds = time.perf_counter() - began
    sides: dict[str, Side] = {"lrp": lrp, "gradient": get_explainer("gradient", model)}
    others = _add_others(sides, case, model, competitors)
    calls = {name: bound(side, images, target) for name, side in sides.items()}
    times = interleave(calls, repeats, images.device)
    return {
        "case": case.name,
        "baseline": "input gradient",
        **compared(times, "lrp", "gradient", case.batch),
        "baseline_seconds": statistics.median(times["gradient"]),
        "build_seconds": build_seconds,
        **peaks(calls["lrp"], calls["gradient"], images.device),
        "prepared_megabytes": held_megabytes(lrp, model),
        "drift": drift(calls["lrp"](), calls["float32"]()) if "float32" in calls else None,
        "others": {
            name: {**(compared(times, name, "gradient", case.batch) if name in times else {}), **about}
            for name, about in others.items()
        },
        **case.options,
        **setting(case, memory_format, repeats, images.device),
    }


def _add_others(
    sides: dict[str, Side], case: LRPCase, model: nn.Module, competitors: bool
) -> dict[str, dict[str, str]]:
    """Give `sides` those that are no baseline: the engine in float32, or the other libraries; say what they are."""
    if case.dtype != "float32":
        sides["float32"] = get_explainer("lrp", model, **{**case.options, "dtype": "float32"})
        return {"float32": {"library": "relprop"}}
    others = {}
    for name, competitor in COMPETITORS.get(case.composite, {}).items() if competitors else ():
        others[name] = competitor.about()
        reason = competitor.refusal(model)
        if reason is None:
            sides[name] = competitor.build(model)
        else:
            others[name]["left_out"] = reason
    return others
