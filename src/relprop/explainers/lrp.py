"""Layer-wise relevance propagation, the engine of `relprop.lrp`."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from relprop.explainers.base import MAX_BATCH, Explainer, check_batch, check_hooks
from relprop.inference import evaluation_mode
from relprop.lrp import COMPOSITES, LRP, Patterns
from relprop.lrp.gradients import PatternNet
from relprop.lrp.start import class_indices
from relprop.registry import choose


class LRPExplainer(Explainer):
    """`LRP.attribute`; the options are those of `relprop.LRP`, and `patterns` may also be a file that holds some.

    `gamma` and `eps` are γ of all LRP-γ and ε of all LRP-ε rules of the composite, which must have some; None leaves
    them to it. See `Composite.tuned`.
    """

    ignores_hooks = True

    def __init__(
        self,
        model: nn.Module,
        composite: str = "otsuki2024",
        skip: str | None = None,
        gate: str | None = None,
        start: str | None = None,
        relevance_filter: float = 1.0,
        bn: str = "pass",
        bias: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        patterns: Patterns | str | Path | None = None,
        dtype: str = "float32",
        memory_format: str = "channels_last",
        compile: bool = False,
        gamma: float | None = None,
        eps: float | None = None,
        max_batch: int = MAX_BATCH,
        positive: bool = False,
    ) -> None:
        super().__init__(model, max_batch, positive)
        fitted = Patterns.load(Path(patterns).expanduser()) if isinstance(patterns, str | Path) else patterns
        self.engine = LRP(
            model,
            choose("composite", composite, COMPOSITES).tuned(gamma, eps),
            skip,
            gate,
            start,
            relevance_filter,
            bn,
            bias,
            mean,
            std,
            fitted,
            dtype,
            memory_format,
            compile,
        )

    def explain(self, images: Tensor, target: Tensor) -> Tensor:
        """Relevance (N, C, H, W)."""
        return self.engine.attribute(images, target)

    def with_logits(
        self, images: Tensor, target: Tensor | int | None = None, indices: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attribution, and the logits from the engine's own forward pass: no other is run."""
        check_batch(images)
        with evaluation_mode(self.model):
            check_hooks(self.model, images)
        classes = None if target is None else class_indices(target, images)
        chunks = torch.split(images.detach(), self.max_batch)
        targets = [None] * len(chunks) if classes is None else torch.split(classes, self.max_batch)
        explained = [self.engine.attribute_with_logits(*each) for each in zip(chunks, targets, strict=True)]
        attribution, logits = (torch.cat(parts) for parts in zip(*explained, strict=True))
        return attribution.clamp(min=0) if self.positive else attribution, logits


def takes_patterns(composite: str) -> bool:
    """Whether a rule of the composite with this name needs fitted patterns."""
    return any(isinstance(rule, PatternNet) for _, rule in choose("composite", composite, COMPOSITES).rules)
