"""Networks that tests ask: what they see, how much at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from relprop.models import build_model


def small_network(seed: int = 0) -> nn.Module:
    """A ResNet-20 for ten classes, in float64, so that sums of another order differ by rounding only."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build_model("resnet20", num_classes=10, image_size=32).double().eval()


@contextmanager
def batches_of(model: nn.Module) -> Iterator[list[int]]:
    """How many pictures each forward of the model has had."""
    seen: list[int] = []
    handle = model.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    try:
        yield seen
    finally:
        handle.remove()


def logits_at(model: nn.Module, pictures: Tensor, target: Tensor) -> Tensor:
    """(N,)."""
    with torch.no_grad():
        return model(pictures).gather(1, target.unsqueeze(1)).squeeze(1)
