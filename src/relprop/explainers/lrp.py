"""Layer-wise relevance propagation, the engine of `relprop.lrp`."""

from torch import Tensor, nn

from relprop.explainers.base import Explainer
from relprop.lrp import LRP


class LRPExplainer(Explainer):
    """`LRP.attribute`; the options are those of `relprop.LRP`."""

    def __init__(
        self,
        model: nn.Module,
        composite: str = "otsuki2024",
        skip: str = "flows_skip",
        start: str | None = None,
        relevance_filter: float = 1.0,
        bn: str = "pass",
    ) -> None:
        super().__init__(model)
        self.engine = LRP(model, composite, skip, start, relevance_filter, bn)

    def __call__(self, images: Tensor, target: Tensor) -> Tensor:
        """Relevance (N, C, H, W)."""
        return self.engine.attribute(images, target)
