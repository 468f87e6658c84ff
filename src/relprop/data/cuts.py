"""Which part of a photograph a network sees."""

from collections.abc import Callable
from typing import Any

from torchvision.transforms import v2

SIDE = 224
Cut = Callable[..., Any]  # a photograph of any size to uint8 (3,S,S); with its boxes, to both


def photo_cut(train: bool, image_size: int = SIDE, scale: tuple[float, float] = (0.08, 1.0)) -> Cut:
    """A random part for training, its share of the area uniform in `scale` (Szegedy et al. 2015, §6); else the middle.

    The middle is what torchvision's weights were scored on: of a shorter side of 256 pixels for 224.
    """
    if not train:
        return middle_cut(stored_side(image_size), image_size)
    cut: Cut = v2.Compose([v2.RandomResizedCrop(image_size, scale), v2.PILToTensor()])
    return cut


def stored_side(image_size: int) -> int:
    """Pixels of the shorter side of a photograph whose middle of `image_size` pixels a network sees: 256 for 224."""
    return round(image_size * 256 / 224)


def middle_cut(resized: int, side: int) -> Cut:
    """The shorter side becomes `resized` pixels, of which the middle `side` stay."""
    cut: Cut = v2.Compose([v2.Resize(resized), v2.CenterCrop(side), v2.PILToTensor()])
    return cut
