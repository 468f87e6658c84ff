"""The input gradient, the baseline that costs one backward pass, and its product with the input."""

import torch
from torch import Tensor, nn

from relprop.explainers.base import Explainer, at_target


def input_gradient(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    """∂ logit of the target class (N,) / ∂ pixel, (N, C, H, W), at normalised images (N, C, H, W)."""
    with torch.enable_grad():
        inputs = images.detach().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(at_target(model(inputs), target).sum(), inputs)
    return gradient


class Gradient(Explainer):
    """∂ logit of the target class / ∂ pixel (Simonyan et al. 2014, "Deep Inside Convolutional Networks")."""

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Gradient (N, C, H, W) with respect to the normalised images."""
        return input_gradient(self.model, images, target)


class GradientXInput(Explainer):
    """x ⊙ ∂ logit / ∂ x of the normalised image x (Shrikumar et al. 2016, "Not Just a Black Box")."""

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Gradient × input (N, C, H, W)."""
        return images * input_gradient(self.model, images, target)
