"""Scores with their intervals, as figures of whole tables take them: their text, and which is the best."""

import math
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Better: TypeAlias = Literal["higher", "lower"]
Estimate: TypeAlias = tuple[float, float | None, float | None]
"""A mean and the ends of its 95 % interval, which are None if it is not known, as of a single image."""

# Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow that fades on white.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#222222")
BLUE, ORANGE = PALETTE[:2]
_NEGATIVE_ZERO = re.compile(r"−[0.]+")


def estimates_of(estimates: Sequence[Estimate | None], name: str) -> NDArray[np.float64]:
    """Mean, low and high (M,3) of the estimates of what is called `name`, NaN where there is none.

    Raises `ValueError` for means and ends that are not finite, for one end alone, and for a low end above the high.
    """
    for index, estimate in enumerate(estimates):
        if estimate is not None and not _is_sound(estimate):
            raise ValueError(f"{name}[{index}] must be a finite (mean, low, high) with low ≤ high, not {estimate}")
    absent: Estimate = (math.nan, None, None)
    return np.array([estimate or absent for estimate in estimates], dtype=float).reshape(-1, 3)


def best(values: NDArray[np.float64], better: Better | None, spec: str) -> NDArray[np.bool_]:
    """Which of the values are the best as they are written, NaN being none; of fewer than two none is."""
    if better is None or np.isfinite(values).sum() < 2:
        return np.zeros(values.shape, dtype=bool)
    top = np.nanmax(values) if better == "higher" else np.nanmin(values)
    alike = [math.isfinite(value) and written(value, spec) == written(top, spec) for value in values.flat]
    return np.array(alike).reshape(values.shape)


def written(value: float, spec: str) -> str:
    """A number by its format with a true minus; what is rounded to zero has none."""
    text = format(value, spec).replace("-", "−")
    return text[1:] if _NEGATIVE_ZERO.fullmatch(text) else text


def named(name: str, better: Better | None) -> str:
    """A score's name, and where better numbers are: "deletion ↓"."""
    return name if better is None else f"{name} {'↑' if better == 'higher' else '↓'}"


def _is_sound(estimate: Estimate) -> bool:
    mean, low, high = estimate
    if low is None or high is None:
        return low is high and math.isfinite(mean)
    return all(map(math.isfinite, (mean, low, high))) and low <= high
