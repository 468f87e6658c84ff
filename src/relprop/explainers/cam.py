"""Class activation maps from gradients: what Grad-CAM, Grad-CAM++ and LayerCAM have in common."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH, Explainer, at_target, shared_by_channels
from relprop.explainers.cam_layers import CamLayer, upsample


class GradientCAM(Explainer):
    """A map of one layer's activations A and of ∂y/∂A, y the target's logit, enlarged to the image.

    - `layer`: dotted name of the module that gives A; None takes what `find_layer` finds.
    """

    channels = "shared"

    def __init__(
        self, model: nn.Module, layer: str | None = None, max_batch: int = MAX_BATCH, positive: bool = False
    ) -> None:
        super().__init__(model, max_batch, positive)
        self.layer = CamLayer(model, layer)

    @abstractmethod
    def combine(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """The map (n, h, w) of activations A and gradients ∂y/∂A, both (n, K, h, w)."""

    def maps(self, images: Tensor, target: Tensor) -> Tensor:
        """The map (n, H, W) of images (n, C, H, W), bilinear from that of the layer."""
        logits, activations = self.layer.run(images)
        (gradients,) = torch.autograd.grad(at_target(logits, target).sum(), activations)
        return upsample(self.combine(activations.detach(), gradients), images.shape[2:])

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The map, in equal shares of the channels: (n, C, H, W)."""
        return shared_by_channels(self.maps(images, target), images.shape[1])
