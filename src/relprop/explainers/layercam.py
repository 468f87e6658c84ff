"""LayerCAM (Jiang et al. 2021)."""

from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH
from relprop.explainers.cam import GradientCAM


class LayerCAM(GradientCAM):
    """ReLU(Σ_k ReLU(∂y/∂A_k) ⊙ A_k): every position has a weight of its own (Jiang et al. 2021, §III-B).

    Never negative. It is meant for earlier layers, too: name them with `layer`.
    """

    def __init__(self, model: nn.Module, layer: str | None = None, max_batch: int = MAX_BATCH) -> None:
        super().__init__(model, layer, max_batch)

    def combine(self, activations: Tensor, gradients: Tensor) -> Tensor:
        """ReLU(Σ_k ReLU(g_k) ⊙ A_k) (n, h, w)."""
        return (gradients.relu() * activations).sum(1).relu()
