"""What every explanation method is: images and classes in, one value per pixel and channel out."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Explainer(ABC):
    """An explanation method for one model: a subclass, its name in `EXPLAINERS`, and a yaml in conf/method."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @abstractmethod
    def __call__(self, images: Tensor, target: Tensor) -> Tensor:
        """Attribution (N, C, H, W) of normalised images (N, C, H, W) for the classes `target` (N,)."""
