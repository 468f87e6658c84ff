"""Integrated gradients (Sundararajan et al. 2017) by captum."""

from collections.abc import Sequence

import captum.attr
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.base import MAX_BATCH, Explainer, at_target
from relprop.explainers.baselines import Baseline


class IntegratedGradients(Explainer):
    """(x − x′) ⊙ ∫₀¹ ∂y/∂x (x′ + α(x − x′)) dα, y the target's logit, x′ the baseline (Sundararajan et al. 2017, §3).

    The sum of the attribution is the logit of the image minus that of the baseline (Proposition 1), up to the error of
    the integral. captum contributes the path and the integral, by Gauss-Legendre quadrature with `steps` nodes, which
    is exact for polynomials of degree 2·steps − 1 and so needs fewer nodes than the paper's sum (eq. 3). The sum goes
    over captum's batches of at most `max_batch` points of all paths; captum would exceed that for more images than
    `max_batch`, which `Explainer` never hands on.
    """

    def __init__(
        self,
        model: nn.Module,
        steps: int = 50,
        baseline: str = "mean",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        max_batch: int = MAX_BATCH,
        positive: bool = False,
    ) -> None:
        super().__init__(model, max_batch, positive)
        if steps < 1:
            raise UserError(f"steps={steps} is not valid; it takes a whole number of at least 1")
        self.steps, self.baseline = steps, Baseline(baseline, mean, std)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The integral times the difference from the baseline, (n, C, H, W)."""
        integral = captum.attr.IntegratedGradients(self._logits)
        result: Tensor = integral.attribute(
            images,
            self.baseline(images),
            additional_forward_args=target,
            n_steps=self.steps,
            internal_batch_size=self.max_batch,
        )
        return result.detach()

    def _logits(self, images: Tensor, target: Tensor) -> Tensor:
        return at_target(self.model(images), target)
