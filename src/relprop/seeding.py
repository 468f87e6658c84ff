"""Seeds made of what random numbers may depend on, so that no batch and no order of images changes them."""

from zlib import crc32

import numpy as np
import torch
from torch import Tensor


def image_generator(image: Tensor, seed: int, purpose: str = "") -> torch.Generator:
    """A generator on the CPU, seeded by the content of an image (float32, any shape), by `seed` and by `purpose`.

    Two things that are random in one run say what they are for, so that they are independent.
    """
    content = image.detach().float().cpu().contiguous().view(torch.int32).sum(dtype=torch.int64).item()
    return torch.Generator().manual_seed(hash((seed, content, crc32(purpose.encode()))) & 0x7FFF_FFFF_FFFF_FFFF)


def mixed_seed(*numbers: int) -> int:
    """A seed of 64 bits made of numbers of at least 0, as unlike those of neighbouring numbers as any two."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
