"""The input gradient, the baseline that costs one backward pass."""

import torch
from torch import Tensor

from relprop.explainers.base import Explainer
from relprop.inference import evaluation_mode


class Gradient(Explainer):
    """∂ logit of the target class / ∂ pixel (Simonyan et al. 2014, "Deep Inside Convolutional Networks")."""

    def __call__(self, images: Tensor, target: Tensor) -> Tensor:
        """Gradient (N, C, H, W) with respect to the normalised images."""
        with torch.inference_mode(False), torch.enable_grad(), evaluation_mode(self.model):
            inputs = images.detach().clone().requires_grad_()
            logits = self.model(inputs).gather(1, target.clone().unsqueeze(1))
            (gradient,) = torch.autograd.grad(logits.sum(), inputs)
        return gradient
