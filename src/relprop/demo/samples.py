"""Some test images of a network's data set, to begin with."""

from dataclasses import dataclass

from torch import Tensor

from relprop.data import ImageDataModule
from relprop.data.subset import choose_positions

COUNT = 12


@dataclass(frozen=True)
class Sample:
    """A test image as the network sees it, uint8 (3, S, S), its position among all, and the name of its class."""

    pixels: Tensor
    position: int
    label: str


def samples_of(data: ImageDataModule) -> list[Sample]:
    """Evenly spread over the classes, the same ones always. Raises `UserError` if the data set is not there."""
    images = data.split("test")
    positions = choose_positions(images.labels, COUNT, per_class=None, seed=data.seed)
    batch = images.__getitems__(positions)
    pixels = data.frame(batch.images)
    labels = batch.labels.tolist()
    return [Sample(pixels[i], position, data.class_names[labels[i]]) for i, position in enumerate(positions)]
