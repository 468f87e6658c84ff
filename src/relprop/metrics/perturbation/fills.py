"""What hidden pixels become. A fill sees the images once and then gives pixels for as many masks as are asked for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from torch import Tensor

from relprop.metrics.perturbation.inpainting import Inpainter
from relprop.seeding import image_generator

Hide = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(pictures (B, C, H, W), which of the images each is (B,), where it is hidden (B, H, W)) → pixels (B, C, H, W)."""


class Fill(ABC):
    """One way to hide pixels of images normalised by `mean` and `std`; `seed` is that of random ones."""

    slow = False  # whether it takes so long that it should run ahead of the classifier
    chained = False  # whether each picture of a curve is made from the one before, what is not hidden included

    def __init__(self, mean: Sequence[float], std: Sequence[float], seed: int) -> None:
        self.mean, self.std, self.seed = mean, std, seed

    @abstractmethod
    def of(self, images: Tensor) -> Hide:
        """What hides pixels of these normalised images (N, C, H, W)."""

    def normalise(self, images: Tensor) -> Tensor:
        """Images in [0, 1] (…, C, H, W) as the classifier takes them."""
        mean, std = images.new_tensor([list(self.mean), list(self.std)]).unsqueeze(-1).unsqueeze(-1)
        normalised: Tensor = (images - mean) / std
        return normalised


class StillFill(Fill):
    """A fill whose pixels do not depend on what else is hidden."""

    def of(self, images: Tensor) -> Hide:
        """What looks the pixels up."""
        pixels = self.pixels(images)
        return lambda pictures, index, hidden: pixels[index]

    @abstractmethod
    def pixels(self, images: Tensor) -> Tensor:
        """What every pixel of normalised images (N, C, H, W) becomes when hidden, of their shape."""


class Black(StillFill):
    """0 in [0, 1], before normalisation."""

    def pixels(self, images: Tensor) -> Tensor:
        """One colour, of the images' shape."""
        return self.normalise(images.new_zeros(images.shape[1], 1, 1)).expand_as(images)


class White(StillFill):
    """1 in [0, 1], before normalisation."""

    def pixels(self, images: Tensor) -> Tensor:
        """One colour, of the images' shape."""
        return self.normalise(images.new_ones(images.shape[1], 1, 1)).expand_as(images)


class Zero(StillFill):
    """0 after normalisation."""

    def pixels(self, images: Tensor) -> Tensor:
        """Zeros of the images' shape."""
        return torch.zeros_like(images)


class Mean(StillFill):
    """The colour `mean`, the data set's where images are normalised by that: then the same as `Zero`."""

    def pixels(self, images: Tensor) -> Tensor:
        """One colour, of the images' shape."""
        return self.normalise(images.new_tensor(list(self.mean)).view(-1, 1, 1)).expand_as(images)


class ImageMean(StillFill):
    """The mean colour of each image."""

    def pixels(self, images: Tensor) -> Tensor:
        """One colour per image, of the images' shape."""
        return images.mean((2, 3), keepdim=True).expand_as(images)


class Blur(StillFill):
    """The image blurred as RISE's code does it: 11×11 Gaussian, σ = 5, zeros beyond the rim (Petsiuk et al. 2018)."""

    def pixels(self, images: Tensor) -> Tensor:
        """The blurred images."""
        channels = images.shape[1]
        kernel = torch.tensor(_gaussian(11, 5)).to(images).expand(channels, 1, 11, 11)
        return F.conv2d(images, kernel, padding=5, groups=channels)


class Uniform(StillFill):
    """Noise, uniform in [0, 1) before normalisation, that depends on the image and the seed alone."""

    def pixels(self, images: Tensor) -> Tensor:
        """Noise of the images' shape."""
        noise = [torch.rand(image.shape, generator=image_generator(image, self.seed, "noise")) for image in images]
        return self.normalise(torch.stack(noise).to(images))


class Telea(Fill):
    """Inpainted from what is not hidden by OpenCV's TELEA (Telea 2004, "An Image Inpainting Technique"), in 8 bits.

    Where nothing is left to inpaint from, the colour `mean`.
    """

    slow = True

    def __init__(self, mean: Sequence[float], std: Sequence[float], seed: int) -> None:
        super().__init__(mean, std, seed)
        self.inpainter = Inpainter(mean, std)

    def of(self, images: Tensor) -> Hide:
        """What inpaints, in worker processes."""
        return self._inpaint

    def _inpaint(self, pictures: Tensor, index: Tensor, hidden: Tensor) -> Tensor:
        everything = hidden.flatten(1).all(1).view(-1, 1, 1, 1)
        mean = self.normalise(pictures.new_tensor(list(self.mean)).view(-1, 1, 1))
        return torch.where(everything, mean, self.inpainter(pictures, hidden))


class TeleaChain(Fill):
    """As Bermúdez Schettino's code does it: each picture inpainted from the one before, cut to 8 bits anew each time.

    Cutting darkens what is not hidden, too; where everything is hidden, the picture before stays.
    """

    slow = True
    chained = True

    def __init__(self, mean: Sequence[float], std: Sequence[float], seed: int) -> None:
        super().__init__(mean, std, seed)
        self.inpainter = Inpainter(mean, std)

    def of(self, images: Tensor) -> Hide:
        """What inpaints, in worker processes."""
        return lambda pictures, index, hidden: self.inpainter(pictures, hidden)


FILLS: Mapping[str, type[Fill]] = MappingProxyType(
    {
        "black": Black,
        "white": White,
        "zero": Zero,
        "mean": Mean,
        "image_mean": ImageMean,
        "blur": Blur,
        "uniform": Uniform,
        "telea": Telea,
        "telea_chain": TeleaChain,
    }
)


@cache
def _gaussian(side: int, sigma: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The answer (side, side) of scipy's Gaussian filter to one pixel in the middle."""
    pixel = np.zeros((side, side))
    pixel[side // 2, side // 2] = 1
    return np.asarray(gaussian_filter(pixel, sigma), dtype=np.float32)
