"""Pixel Flipping (Bach et al. 2015; Samek et al. 2017) in all orders that a protocol has."""

from collections.abc import Mapping

from torch import Tensor

from relprop.metrics.perturbation import PerturbationMetric

_GAINS = {"srg": "lerf", "over_random": "random"}


class PixelFlipping(PerturbationMetric):
    """How the classifier's answer changes while pixels flip: the most relevant first, the least, or at random.

    Scores are areas of the protocol's curves, "auc_NAME" or, as Samek et al. define it, "aopc_NAME", of the curves
    "morf", "lerf" and "random"; and how much faster the answer falls when the most relevant pixels flip first than when
    the least do ("srg", the symmetric relevance gain of Blücher et al. 2024) or random ones ("over_random"): the area
    between the two curves, higher is better. Options: see `PerturbationMetric`.
    """

    wanted = ("morf", "lerf", "random")
    least = 1

    def directions(self) -> dict[str, str]:
        """A curve of the most relevant first should fall fast, one of the least relevant first slowly."""
        falls, stays = ("higher", "lower") if self._kind == "aopc" else ("lower", "higher")
        direction = {"morf": falls, "lerf": stays, "random": "neither"}
        gains = [name for name, other in _GAINS.items() if {"morf", other} <= {*self.curves}]
        return {f"{self._kind}_{name}": direction[name] for name in self.curves} | dict.fromkeys(gains, "higher")

    def combine(self, areas: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Areas, and the area between the curve of the most relevant first and the others."""
        sign = -1 if self._kind == "aopc" else 1
        scores = {f"{self._kind}_{name}": area for name, area in areas.items()}
        gains = {
            name: sign * (areas[other] - areas["morf"]) for name, other in _GAINS.items() if {"morf", other} <= {*areas}
        }
        return {**scores, **gains}

    @property
    def _kind(self) -> str:
        return "aopc" if self.protocol.area == "aopc" else "auc"
