"""How many images a split needs, and what size images may have."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from relprop.errors import UserError

_REMEDIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "train": ("training", "add some"),
        "val": ("validation", "of each class with two training images or more a tenth is taken for it: add some"),
        "test": ("test", "add some"),
    }
)


def require_images(dataset: str, split: Literal["train", "val", "test"], count: int, processes: int = 1) -> None:
    """Raise `UserError` if this split of a data set has no images, or fewer than `processes` that share them.

    A process without images would leave the others waiting, which count and average together with it.
    """
    kind, remedy = _REMEDIES[split]
    if count == 0:
        raise UserError(f"dataset={dataset} has no {kind} images; {remedy}")
    if count < processes:
        raise UserError(
            f"dataset={dataset} has {count} {kind} image{'s' * (count > 1)}, fewer than the {processes} processes that "
            f"share them; take {count} or fewer (trainer.devices times trainer.num_nodes), or add images"
        )


def allowed_size(dataset: str, image_size: int, only: int | None) -> int:
    """`image_size`, a side in pixels, if the images of a data set may have it; `only`: the one that there is, if any.

    Raises `UserError` if they may not.
    """
    if only is not None and image_size != only:
        raise UserError(f"image_size={image_size} was given, but the images of {dataset} have {only}")
    if image_size < 1:
        raise UserError(f"image_size={image_size} was given; it must be 1 or more.")
    return image_size
