"""Where relevance starts: which class, and how much at the output."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from relprop.errors import UserError

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


def class_indices(target: Tensor | int, images: Tensor) -> Tensor:
    """`target` as class indices (N,), on the images' device; an int holds for all images."""
    indices = torch.as_tensor(target, device=images.device)
    if indices.is_floating_point() or indices.dtype == torch.bool:
        raise UserError(f"target must be class indices (int or LongTensor), not {indices.dtype}")
    if indices.dim() == 0:
        indices = indices.expand(len(images))
    if indices.shape != (len(images),):
        given = tuple(indices.shape)
        raise UserError(f"target must have one class for each of the {len(images)} images, not {given}")
    return indices.long()


def check_classes(target: Tensor, classes: int) -> None:
    """Refuse class indices that a network with so many classes does not have."""
    if ((target < 0) | (target >= classes)).any():
        raise UserError(f"target classes must be in 0…{classes - 1}, not {target.tolist()}")


def keep_largest(relevance: Tensor, fraction: float) -> Tensor:
    """The max(1, ⌊fraction·n⌋) largest of each image's n relevances; the others are 0. 1.0 keeps all."""
    total = relevance[0].numel()
    count = max(1, int(fraction * total))
    if count == total:
        return relevance
    flat = relevance.flatten(1)
    values, places = flat.topk(count, dim=1, sorted=False)
    return torch.zeros_like(flat).scatter_(1, places, values).view(relevance.shape)
