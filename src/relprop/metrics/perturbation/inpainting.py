"""Hidden pixels filled from those around them, by OpenCV in worker processes."""

import os
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from relprop.errors import UserError
from relprop.workers import Workers


class Inpainter:
    """Shows images without their hidden pixels, as the pixel flipping of Bermúdez Schettino 2022 does.

    Images become 8 bit, their hidden pixels are inpainted by the method of Telea 2004, and they are normalised again.
    The published code truncates to 8 bit whatever its float32 arithmetic gives, at every step of a curve anew. Rounding
    leaves many values just below the one that they came from, so visible pixels, too, darken by up to one level of 255
    at each step; its numbers depend on that. Its curve is this function applied to its own result, with more pixels
    hidden at each step: `images = inpainter(images, hidden)`.

    - `mean`, `std`: of the images' normalisation, per channel. Values outside 0…1 are clamped.
    - `radius`: of the neighbourhood that a pixel is filled from, in pixels.
    - `workers`: number of processes, by default one per core. The result does not depend on it.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], radius: float = 3, workers: int | None = None):
        if find_spec("cv2") is None:
            raise UserError("inpainting needs OpenCV, which is not installed: pip install opencv-python-headless")
        self.mean, self.std, self.radius = tuple(mean), tuple(std), radius
        self.workers = workers or _cores()

    def __call__(self, images: Tensor, hidden: Tensor) -> Tensor:
        """`images` (N, C, H, W), normalised, with the pixels that are `hidden`, BoolTensor (N, H, W), inpainted.

        Where nothing is hidden, and where all is, so that nothing is known to fill it from, images only become 8 bit.
        Raises `UserError` for images that have neither one nor three channels.
        """
        if images.shape[1] not in (1, 3) or images.shape[1] != len(self.mean):
            raise UserError(
                f"inpainting takes images of 1 or 3 channels and as many means, not {images.shape[1]} channels and "
                f"{len(self.mean)} means: choose another fill or the data set's mean and std"
            )
        pixels = self._to_8_bit(images.detach().cpu().float()).movedim(1, 3).contiguous().numpy()
        filled = self._pool.map(zip(pixels, hidden.cpu().numpy(), repeat(self.radius)))
        return self._normalise(torch.from_numpy(np.stack(filled)).movedim(3, 1)).to(images)

    # Both on the CPU: CUDA divides by 255 with another rounding, which truncation would make visible.

    def _to_8_bit(self, images: Tensor) -> Tensor:
        """(y − (−m/s)) / (1/s), truncated: equal to y·s + m but for rounding, which truncation makes visible."""
        shift = _per_channel([-m / s for m, s in zip(self.mean, self.std, strict=True)])
        scale = _per_channel([1 / s for s in self.std])
        return (((images - shift) / scale).clamp(0, 1) * 255).to(torch.uint8)

    def _normalise(self, pixels: Tensor) -> Tensor:
        return (pixels.float() / 255 - _per_channel(self.mean)) / _per_channel(self.std)

    @cached_property
    def _pool(self) -> Workers:
        return Workers(Path(__file__).with_name("telea.py"), self.workers)

    def __getstate__(self) -> dict[str, Any]:
        """All but the processes: copies start their own."""
        return {name: value for name, value in self.__dict__.items() if name != "_pool"}


def _per_channel(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)


def _cores() -> int:
    """Cores that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
