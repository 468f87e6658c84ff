"""Where relevance starts: which class, and how much at the output. Here bad input is refused, too."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

Start = Callable[[Tensor, Tensor], Tensor]


def _at(target: Tensor, values: Tensor) -> Tensor:
    """`values` (N, classes) at each image's target class, zero elsewhere."""
    index = target.unsqueeze(1)
    return torch.zeros_like(values).scatter_(1, index, values.gather(1, index))


STARTS: Mapping[str, Start] = MappingProxyType(
    {
        "probability": lambda logits, target: _at(target, logits.softmax(1)),  # softmax of the target class
        "softmax": lambda logits, target: logits.softmax(1),  # the whole vector, whatever the target
        "logit": lambda logits, target: _at(target, logits),
        "one": lambda logits, target: _at(target, torch.ones_like(logits)),
    }
)


def check_images(images: Tensor) -> None:
    """Refuse what is not a finite floating-point batch of at least one image."""
    if not isinstance(images, Tensor) or images.dim() != 4 or not images.is_floating_point():
        given = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        raise ValueError(f"images must be a floating-point tensor (N, C, H, W), not {given}")
    if len(images) == 0:
        raise ValueError("images is an empty batch; give at least one image")
    if not images.isfinite().all():
        bad = (~images.flatten(1).isfinite().all(1)).nonzero().flatten().tolist()
        raise ValueError(f"images {bad} contain NaN or infinite pixels")


def resolve_target(logits: Tensor, target: Tensor | int | None) -> Tensor:
    """Class indices (N,) for `target`: None is the predicted class, an int holds for all images."""
    if logits.dim() != 2:
        raise ValueError(f"the network must return logits (N, classes), not {tuple(logits.shape)}")
    count, classes = logits.shape
    if target is None:
        return logits.argmax(1)
    indices = torch.as_tensor(target, device=logits.device)
    if indices.is_floating_point() or indices.dtype == torch.bool:
        raise TypeError(f"target must be class indices (int or LongTensor), not {indices.dtype}")
    if indices.dim() == 0:
        indices = indices.expand(count)
    if indices.shape != (count,):
        raise ValueError(f"target must have one class for each of the {count} images, not {tuple(indices.shape)}")
    if ((indices < 0) | (indices >= classes)).any():
        raise ValueError(f"target classes must be in 0…{classes - 1}, not {indices.tolist()}")
    return indices.long()


def keep_largest(relevance: Tensor, fraction: float) -> Tensor:
    """The max(1, ⌊fraction·n⌋) largest of each image's n relevances; the others are 0. 1.0 keeps all."""
    total = relevance[0].numel()
    count = max(1, int(fraction * total))
    if count == total:
        return relevance
    flat = relevance.flatten(1)
    values, places = flat.topk(count, dim=1, sorted=False)
    return torch.zeros_like(flat).scatter_(1, places, values).view(relevance.shape)
