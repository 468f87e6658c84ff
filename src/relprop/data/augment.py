"""Changes of a batch of images (N,C,H,W) on its device, by numbers drawn uniformly from [0,1) for each image alone."""

from math import log

import torch
import torch.nn.functional as F
from torch import Tensor


def random_crop(images: Tensor, draws: Tensor, padding: int) -> Tensor:
    """Shift each image by up to `padding` pixels in each direction; zeros come in from outside. `draws` (N,2)."""
    count, _, height, width = images.shape
    padded = F.pad(images, (padding,) * 4)
    top, left = (draws * (2 * padding + 1)).long().T[:, :, None]
    rows = top + torch.arange(height, device=images.device)
    columns = left + torch.arange(width, device=images.device)
    image = torch.arange(count, device=images.device)
    # Index tensors on both sides of a slice put the channels last.
    return padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def random_flip(images: Tensor, draws: Tensor) -> Tensor:
    """Mirror each image left to right with probability one half. `draws` (N,)."""
    return torch.where(draws.view(-1, 1, 1, 1) < 0.5, images.flip(3), images)


def random_resized_crop(
    images: Tensor,
    draws: Tensor,
    size: int,
    scale: tuple[float, float],
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Cut a part out of each image and make it (N,C,size,size), bilinearly (Szegedy et al. 2015, §6). `draws` (N,4).

    The part's share of the area is uniform in `scale`, the logarithm of its width over its height uniform in `ratio`,
    its place uniform; a side that would be longer than the image is as long as the image.
    """
    area = scale[0] + draws[:, 0] * (scale[1] - scale[0])
    root = (log(ratio[0]) + draws[:, 1] * log(ratio[1] / ratio[0])).exp().sqrt()
    sides = torch.stack([area.sqrt() * root, area.sqrt() / root], 1).clamp(max=1)  # of the image's width, height
    centres = (2 * draws[:, 2:4] - 1) * (1 - sides)  # the image goes from -1 to 1
    maps = torch.cat([torch.diag_embed(sides), centres[:, :, None]], 2).to(images.dtype)
    grid = F.affine_grid(maps, [len(images), images.shape[1], size, size], align_corners=False)
    # border: at the image's edge half a pixel lies outside
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
