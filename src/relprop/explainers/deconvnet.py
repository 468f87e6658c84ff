"""The deconvolutional network (Zeiler & Fergus 2014)."""

from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH, Explainer
from relprop.lrp import LRP


class Deconvnet(Explainer):
    """The gradient of the logit, but that every ReLU lets back what is above zero, whatever its input was.

    Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", §2.1. The composite `deconvnet` of
    the LRP engine, which needs no hooks and takes ReLUs of any kind.
    """

    ignores_hooks = True

    def __init__(self, model: nn.Module, max_batch: int = MAX_BATCH, positive: bool = False) -> None:
        super().__init__(model, max_batch, positive)
        self.engine = LRP(model, composite="deconvnet")

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """What comes back to the pixels, (n, C, H, W)."""
        return self.engine.attribute(images, target)
