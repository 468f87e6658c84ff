"""What a network is trained by: the cross-entropy of its logits, or a loss of its own."""

from typing import Protocol, runtime_checkable

import torch.nn.functional as F
from torch import Tensor, nn


@runtime_checkable
class OwnLoss(Protocol):
    """A network that is trained by another loss than the cross-entropy of its logits."""

    def loss_and_logits(self, images: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
        """The mean loss of images (N, C, H, W) with labels (N,), and their logits (N, classes), by one forward pass."""


def loss_and_logits(
    network: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """The mean loss of images (N, C, H, W) with labels (N,), and their logits (N, classes), by one forward pass.

    With label smoothing s the target of K classes is (1 - s) one-hot + s / K (Szegedy et al. 2016, §7).
    """
    if isinstance(network, OwnLoss):
        return network.loss_and_logits(images, labels, label_smoothing)
    logits: Tensor = network(images)
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing), logits
