"""Score-CAM: feature maps weighted by what the classifier says of the image seen through them (Wang et al. 2020)."""

import torch
from torch import Tensor, nn

from relprop.classifier import Classifier
from relprop.explainers.base import Explainer, at_target, shared_by_channels
from relprop.explainers.cam_layers import CamLayer, upsample
from relprop.explainers.masking import MASKED_BATCH, check_finite, masked_logits


class ScoreCAM(Explainer):
    """ReLU(Σ_k α_k A_k), α = softmax_k(f(x ⊙ H_k) − f(0)), f the target's logit (Wang et al. 2020, Algorithm 1).

    A_k is a channel of the layer's activations, and H_k is A_k enlarged to the image with its smallest value moved to
    0 and its largest to 1. The baseline 0 is the mean colour of the data set; the softmax takes it out again, but it
    is what a constant channel shows, which masks everything. The classifier runs with batch norm folded where that
    gives the same. The authors' published code differs from the paper: α_k is the target's probability, without
    softmax over the channels, and constant channels are left out.

    - `layer`: dotted name of the module that gives A; None takes what `find_layer` finds.
    - `dtype`: what the classifier computes in: float32, bfloat16 or float16.
    """

    channels = "shared"

    def __init__(
        self, model: nn.Module, layer: str | None = None, dtype: str = "float32", max_batch: int = MASKED_BATCH
    ) -> None:
        super().__init__(model, max_batch)
        self.layer = CamLayer(model, layer)
        self.classifier = Classifier(model, dtype)

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """The map in equal shares of the channels, (n, C, H, W); never negative, and 0 where no channel is active."""
        activations = self.layer.run(images)[1].detach()
        with torch.no_grad():
            self.classifier.prepare(images)
            increases = [self._increases(*one) for one in zip(images, activations, target.unsqueeze(1), strict=True)]
            alpha = torch.stack(increases).softmax(1)
            maps = (alpha[:, :, None, None] * activations).sum(1).relu()
        maps = check_finite(upsample(maps, images.shape[2:]), self.classifier)
        return shared_by_channels(maps.to(images.dtype), images.shape[1])

    def _increases(self, image: Tensor, activations: Tensor, target: Tensor) -> Tensor:
        """f(x ⊙ H_k) − f(0) for every k (K,), of one image (C, H, W), its activations (K, h, w) and its class (1,)."""
        blank = image.new_zeros(1, *image.shape[1:])
        baseline = at_target(masked_logits(self.classifier, image, blank), target)
        active = (activations.amax((1, 2)) > activations.amin((1, 2))).nonzero().squeeze(1)
        scores = baseline.repeat(len(activations))  # of constant channels, which need no forward
        for chunk in torch.split(active, self.max_batch) if len(active) else ():
            masks = between_0_and_1(upsample(activations[chunk], image.shape[1:]))
            scores[chunk] = at_target(masked_logits(self.classifier, image, masks), target.expand(len(chunk)))
        return scores - baseline


def between_0_and_1(maps: Tensor) -> Tensor:
    """(U − min U) / (max U − min U) of every map U of (m, H, W); 0 for a constant one."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)
