"""Which images come when, and by which process of several."""

from collections.abc import Iterator
from math import ceil

import numpy as np
from torch.utils.data import Sampler

from relprop.data.images import ImageSet


class EpochShuffle(Sampler[int]):
    """Every position once, in an order that depends on seed and epoch only.

    Lightning calls `set_epoch` before each epoch, so that a run that was killed and continues sees the orders it would
    have seen, which a loader's own generator, starting anew, would not give. The images are told the epoch, too.

    Of P `processes` each gets every P-th position, so that their k-th batches together are the k-th batch of one
    process with a batch as large as theirs together. Where P does not divide the number of images, the first of the
    order come again at its end, since all processes must take equally many steps.
    """

    def __init__(self, images: ImageSet, seed: int, process: int = 0, processes: int = 1) -> None:
        self.images, self.seed, self.process, self.processes = images, seed, process, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch, counted from 0."""
        self.epoch = epoch
        self.images.epoch.fill_(epoch)

    def __len__(self) -> int:
        return ceil(len(self.images) / self.processes)

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.images))
        whole = np.resize(order, len(self) * self.processes)
        yield from whole[self.process :: self.processes].tolist()


def draw_numbers(seed: int, epoch: int, images: int, each: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Numbers (images, each) uniform in [0,1) that depend on seed and epoch only; row i is for image i of its split."""
    return np.random.default_rng((seed, epoch, 1)).random((images, each), dtype=np.float32)
