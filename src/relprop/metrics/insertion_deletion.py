"""Insertion and Deletion (Petsiuk et al. 2018, "RISE", BMVC) and their difference (Otsuki et al. 2024)."""

from collections.abc import Mapping

from torch import Tensor

from relprop.errors import UserError
from relprop.metrics.perturbation import PerturbationMetric


class InsertionDeletion(PerturbationMetric):
    """How fast the target's probability rises while the most relevant pixels are shown, falls while they are hidden.

    `compute()` gives the mean areas over all images: "insertion" (higher is better), "deletion" (lower is better) and
    "id", their difference (higher is better). `rows` has one dict per image. Options: see `PerturbationMetric`.
    """

    wanted = ("insertion", "deletion")
    least = 2

    def directions(self) -> dict[str, str]:
        """Insertion and their difference up, deletion down."""
        if self.protocol.area == "aopc":
            raise UserError("area=aopc is one of PixelFlipping's; InsertionDeletion takes fractions or points")
        return {"insertion": "higher", "deletion": "lower", "id": "higher"}

    def combine(self, areas: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """id = insertion − deletion."""
        return {**areas, "id": areas["insertion"] - areas["deletion"]}
