"""C1C: the connected component with the highest peak (Otsuki et al. 2024, published code)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from relprop.postprocessing.step import Step, check_whole_number


@dataclass(frozen=True)
class Component(Step):
    """Only the connected component that holds the highest peak stays, at a resolution of `size`×`size`; the rest is 0.

    Each map is resized to `size`×`size`, binarised at its mean (strictly above) and cut into components of 8-connected
    pixels. What stays is brought back to the size of the map bilinearly, as the published code does to show and to
    score it; that the published code triples the values there is left out. Of equal peaks the first one, row by row,
    counts. A constant map has no component and stays as it is.

    For maps whose heat is positive: where the mean is below 0, what stays may be below the 0 of the rest. Let
    `normalize` with sign=positive go first.
    """

    name: ClassVar[str] = "component"
    size: int = 28

    def __post_init__(self) -> None:
        check_whole_number("component.size", self.size, least=2)

    def apply(self, heatmaps: Tensor) -> Tensor:
        heat = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))
        grids = np.stack([_highest_component(_resize(heatmap, self.size)) for heatmap in heat.cpu().numpy()])
        resized = F.interpolate(torch.from_numpy(grids).unsqueeze(1), heatmaps.shape[1:], mode="bilinear").squeeze(1)
        low, high = heatmaps.flatten(1).aminmax(dim=1)
        return torch.where((low < high).view(-1, 1, 1), resized.to(heatmaps), heatmaps)


def _resize(heatmap: NDArray[Any], size: int) -> NDArray[Any]:
    """(H, W) → (size, size), bilinear after a Gaussian against aliasing: skimage.transform.resize and its defaults."""
    factors = np.divide(heatmap.shape, size)
    smooth = ndimage.gaussian_filter(heatmap, np.maximum(0, (factors - 1) / 2), mode="mirror")
    resized = ndimage.zoom(smooth, 1 / factors, order=1, mode="mirror", grid_mode=True)
    clipped: NDArray[Any] = np.clip(resized, heatmap.min(), heatmap.max())
    return clipped


def _highest_component(grid: NDArray[Any]) -> NDArray[Any]:
    """`grid` where it is connected, above its mean, with its maximum; 0 elsewhere."""
    labels, _ = ndimage.label(grid > grid.mean(dtype=np.float64), structure=np.ones((3, 3)))
    return np.where(labels == labels.flat[grid.argmax()], grid, 0)
