"""Statistics of scores over images: mean with its interval, and tests of two methods on the same images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import bootstrap, wilcoxon


def describe(scores: Sequence[float | None], seed: int) -> dict[str, Any]:
    """Mean, sample standard deviation and 95 % percentile bootstrap interval of the mean over images.

    Standard deviation and interval are None for a single image. Images whose score is None, not being a number, are
    left out and counted: `undefined`.
    """
    values = [score for score in scores if score is not None]
    if len(values) < len(scores):
        return {**describe(values, seed), "undefined": len(scores) - len(values)}
    mean = float(np.mean(values)) if values else None
    if len(values) < 2:
        return {"mean": mean, "std": None, "interval": None}
    std = float(np.std(values, ddof=1))
    if std == 0:
        return {"mean": mean, "std": std, "interval": [mean, mean]}
    interval = bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(seed), batch=100
    ).confidence_interval
    return {"mean": mean, "std": std, "interval": [float(interval.low), float(interval.high)]}


def signed_rank_p(differences: Sequence[float]) -> float:
    """Two-sided p of Wilcoxon's signed-rank test (Wilcoxon 1945) of paired differences; 1 if there are none but zeros.

    Zero differences are left out, as Wilcoxon does. p is exact for up to 50 others without ties and for up to 13 with
    ties; it comes from the normal approximation, corrected for ties, beyond that.
    """
    # Left out here, since scipy takes the approximation for any sample that has a zero, however small.
    others = [difference for difference in differences if difference != 0]
    return float(wilcoxon(others).pvalue) if others else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """p-values corrected for testing all of them (Holm 1979): the k-th smallest of m times m − k + 1, never falling."""
    corrected = [0.0] * len(ps)
    least = 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        least = max(least, min(1.0, ps[i] * (len(ps) - rank)))
        corrected[i] = least
    return corrected
