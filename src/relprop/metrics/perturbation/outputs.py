"""What of the classifier's answer a curve shows."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor


def probability(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax probability of the target class: logits (N, classes), target (N,) → (N,)."""
    return logit(logits.softmax(1), target)


def logit(logits: Tensor, target: Tensor) -> Tensor:
    """The target class's logit."""
    return logits.gather(1, target.unsqueeze(1)).squeeze(1)


def log_odds(logits: Tensor, target: Tensor) -> Tensor:
    """log p / (1 − p) of the target class, in nats: z_t − log Σ_{k ≠ t} exp z_k, exact for p near 0 and 1."""
    others = logits.scatter(1, target.unsqueeze(1), -torch.inf)
    return logit(logits, target) - others.logsumexp(1)


OUTPUTS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {"probability": probability, "logit": logit, "log_odds": log_odds}
)
