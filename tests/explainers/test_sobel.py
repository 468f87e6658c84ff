"""The edge map against scipy's filter."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from relprop.explainers.sobel import Sobel

MODEL = nn.Sequential(nn.Flatten(), nn.Flatten())


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (7, 10)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_scipys_magnitude_of_every_channel(size: tuple[int, int], dtype: torch.dtype) -> None:
    images = torch.randn(2, 3, *size, dtype=dtype)
    edges = Sobel(MODEL)(images, 0)
    assert edges.dtype == dtype
    for image, edge in zip(images.flatten(0, 1).double().numpy(), edges.flatten(0, 1), strict=True):
        expected = np.hypot(*(ndimage.sobel(image, axis, mode="nearest") for axis in (0, 1)))
        torch.testing.assert_close(edge.double(), torch.from_numpy(expected), rtol=1e-5, atol=1e-5)


def test_an_even_image_has_no_edge_and_a_step_one_of_its_height() -> None:
    images = torch.full((2, 3, 6, 6), 2.0)
    images[1, 1, :, 3:] = 5.0
    edges = Sobel(MODEL)(images, 0)
    assert edges[0].max() == 0 and edges[1, [0, 2]].max() == 0
    assert edges[1, 1, 2].tolist() == [0, 0, 12, 12, 0, 0]


def test_takes_no_option() -> None:
    with pytest.raises(TypeError, match="positive"):
        Sobel(MODEL, positive=True)
