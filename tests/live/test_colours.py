"""The fast overlay is the overlay."""

import cv2
import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor

from relprop.live.colours import fast_limit, fast_overlay
from relprop.visualization import colour_limit, overlay

PHOTO = cv2.resize(load_sample_image("flower.jpg"), (224, 224))


def heatmaps() -> dict[str, Tensor]:
    torch.manual_seed(0)
    noise = torch.randn(224, 224)
    single = torch.zeros(224, 224)
    single[100, 100] = 5.0
    return {
        "signed": noise**3,
        "small": 1e-12 * noise,
        "large": 1e12 * noise,
        "positive": noise.abs() ** 3,
        "ramp": torch.linspace(-1, 1, 224 * 224).view(224, 224),
        "zero": torch.zeros(224, 224),
        "one pixel": single,
        "negative": -(noise**2),
    }


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("name", list(heatmaps()))
def test_no_value_is_further_than_one_from_the_overlays(name: str, signed: bool) -> None:
    heatmap = heatmaps()[name]
    limit = fast_limit(heatmap.numpy())
    assert limit == pytest.approx(colour_limit(heatmap[None]).item(), rel=1e-6)
    fast = fast_overlay(PHOTO, heatmap.numpy(), limit, signed)
    image = torch.from_numpy(PHOTO).movedim(-1, 0).float() / 255
    exact = overlay(image[None], heatmap[None], signed)[0].movedim(0, -1).mul(255).round().numpy()
    assert fast.dtype == np.uint8 and fast.shape == PHOTO.shape
    difference = np.abs(fast - exact)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.2


def test_the_table_of_colours_is_made_once() -> None:
    heatmap = heatmaps()["signed"].numpy()
    fast_overlay(PHOTO, heatmap, 1.0, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("relprop.live.colours.overlay", None)
        fast_overlay(PHOTO, heatmap, 2.0, True)
