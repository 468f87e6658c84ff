"""Guided backpropagation (Springenberg et al. 2015)."""

from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH, Explainer
from relprop.lrp import LRP


class GuidedBackprop(Explainer):
    """The gradient of the logit, but that every ReLU lets back only what is above zero, where its input was.

    Springenberg et al. 2015, "Striving for Simplicity: The All Convolutional Net", §3.4. The composite
    `guided_backprop` of the LRP engine, which needs no hooks and takes ReLUs of any kind.
    """

    ignores_hooks = True

    def __init__(self, model: nn.Module, max_batch: int = MAX_BATCH, positive: bool = False) -> None:
        super().__init__(model, max_batch, positive)
        self.engine = LRP(model, composite="guided_backprop")

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """What comes back to the pixels, (n, C, H, W)."""
        return self.engine.attribute(images, target)
