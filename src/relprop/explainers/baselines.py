"""What stands in for a hidden pixel, and the image without content that an attribution starts from."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.lrp.checks import pixel_box
from relprop.registry import choose

Box = tuple[tuple[float, ...], tuple[float, ...]]


def _zero(box: Box | None) -> tuple[float, ...]:
    return (0.0,)


def _lowest(box: Box | None) -> tuple[float, ...]:
    if box is None:
        raise UserError(
            "baseline=black is 0 before the normalisation and needs its mean and std; give both, or take baseline=mean"
        )
    return box[0]


# The normalised colour, one number for each channel or one for all, by the lowest and the highest that pixels take.
BASELINES: Mapping[str, Callable[[Box | None], tuple[float, ...]]] = MappingProxyType(
    {
        "mean": _zero,  # 0 after normalisation, the mean colour of the data set
        "black": _lowest,  # 0 before it, (0 − mean) / std
    }
)


class Baseline:
    """An image of one colour, a key of `BASELINES`, normalised by `mean` and `std`, one number per channel.

    Raises `UserError` for a name that there is not, for "black" without `mean` and `std`, and for one of these alone.
    """

    def __init__(self, name: str, mean: Sequence[float] | None = None, std: Sequence[float] | None = None) -> None:
        box = pixel_box(mean, std)
        self._colour = choose("baseline", name, BASELINES)(box)
        self._channels = None if box is None else len(box[0])

    def __call__(self, images: Tensor) -> Tensor:
        """The baseline (N, C, H, W) of normalised images (N, C, H, W); it is a view and not to be written to.

        Raises `UserError` for images with another number of channels than `mean` and `std` have numbers.
        """
        if self._channels not in (None, images.shape[1]):
            raise UserError(f"mean and std have {self._channels} numbers, but the images {images.shape[1]} channels")
        colour = torch.tensor(self._colour, dtype=images.dtype, device=images.device)
        return colour.view(1, -1, 1, 1).expand_as(images)
