import re

import pytest
import torch

from relprop.visualization.checks import check_heatmaps, check_pictures
from tests.visualization.pictures import random_heatmaps, random_images


@pytest.mark.parametrize("shape", [(4, 4), (1, 1, 4, 4), (0, 4, 4), (2, 0, 4)])
def test_heatmaps_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"must be (N, H, W), at least one, not {shape}")):
        check_heatmaps(torch.ones(shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_heatmap_that_is_not_finite_is_refused_by_its_index(value: float) -> None:
    heatmaps = random_heatmaps(3)
    heatmaps[1, 2, 3] = value
    with pytest.raises(ValueError, match=r"heatmaps \[1\] contain NaN or infinite"):
        check_heatmaps(heatmaps)


def test_images_that_do_not_fit_the_heatmaps_are_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("= (2, 3, 8, 8) like the heatmaps, not (3, 3, 8, 8)")):
        check_pictures(random_images(3), random_heatmaps(2))


@pytest.mark.parametrize(("low", "high", "words"), [(-0.5, 1, r"\[-0.5, 1\]"), (0, 255, r"\[0, 255\]")])
def test_images_out_of_range_are_refused(low: float, high: float, words: str) -> None:
    images = random_images(2)
    images[0, 0, 0, 0], images[0, 0, 0, 1] = low, high
    images[1, 0, 0, 0], images[1, 0, 0, 1] = 0, 1
    with pytest.raises(ValueError, match=rf"must lie in \[0, 1\], not in {words}; denormalize"):
        check_pictures(images, random_heatmaps(2))


def test_nan_in_images_is_refused() -> None:
    images = random_images(1)
    images[0, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="nan"):
        check_pictures(images, random_heatmaps(1))


def test_uint8_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not torch.uint8; divide"):
        check_pictures((random_images(1) * 255).to(torch.uint8), random_heatmaps(1))
