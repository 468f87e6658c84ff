"""Guided Grad-CAM (Selvaraju et al. 2017)."""

from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH, Explainer
from relprop.explainers.gradcam import GradCAM
from relprop.explainers.guided_backprop import GuidedBackprop


class GuidedGradCAM(Explainer):
    """Guided backpropagation ⊙ the enlarged Grad-CAM map (Selvaraju et al. 2017, §3, "Guided Grad-CAM").

    The map is enlarged bilinearly, as in the paper; captum's default is the nearest neighbour.

    - `layer`: dotted name of the module that Grad-CAM looks at; None takes what `find_layer` finds.
    """

    ignores_hooks = True

    def __init__(
        self, model: nn.Module, layer: str | None = None, max_batch: int = MAX_BATCH, positive: bool = False
    ) -> None:
        super().__init__(model, max_batch, positive)
        self.gradcam = GradCAM(model, layer, max_batch)
        self.guided = GuidedBackprop(model, max_batch)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """G ⊙ L (n, C, H, W), the same L for all channels."""
        return self.guided.explain(images, target) * self.gradcam.maps(images, target).unsqueeze(1)
