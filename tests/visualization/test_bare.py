import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from relprop.visualization import save_picture
from tests.visualization.pictures import random_images


@pytest.mark.parametrize(
    ("shape", "factor"),
    [((224, 224), 1), ((128, 300), 1), ((127, 300), 2), ((64, 64), 2), ((32, 32), 4), ((28, 40), 5)],
)
def test_every_pixel_is_written_as_a_square_of_its_colour(tmp_path: Path, shape: tuple[int, int], factor: int) -> None:
    (rgb,) = random_images(1, *shape)
    save_picture(rgb, tmp_path / "new" / "a.png")
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == "RGB"
        written = np.asarray(image)
    assert written.shape == (shape[0] * factor, shape[1] * factor, 3)
    expected = (255 * rgb).round().byte().movedim(0, -1).numpy()
    np.testing.assert_array_equal(written, expected.repeat(factor, 0).repeat(factor, 1))


def test_equal_pictures_give_equal_bytes_and_are_left_alone(tmp_path: Path) -> None:
    rgb = random_images(1)[0].requires_grad_()
    before = rgb.detach().clone()
    for name in ("a.png", "b.PNG"):
        save_picture(rgb, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.PNG").read_bytes()
    assert torch.equal(rgb, before)


@pytest.mark.parametrize(
    ("rgb", "name", "words"),
    [
        (torch.zeros(1, 3, 4, 4), "a.png", "rgb must be (3, H, W), not (1, 3, 4, 4)"),
        (torch.zeros(3, 0, 4), "a.png", "rgb must be (3, H, W), not (3, 0, 4)"),
        (torch.full((3, 4, 4), 1.01), "a.png", "rgb must be finite and lie in [0, 1]"),
        (torch.full((3, 4, 4), float("nan")), "a.png", "rgb must be finite and lie in [0, 1]"),
        (torch.zeros(3, 4, 4), "a.jpg", "a.jpg' must end in .png"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, rgb: Tensor, name: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        save_picture(rgb, tmp_path / name)
    assert not list(tmp_path.iterdir())
