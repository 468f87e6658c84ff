"""Embedded pictures have exactly the pixels that were drawn."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from relprop.demo.drawing import colour_bar, embedded, embedded_map, embedded_png
from relprop.visualization import colour_map, colourize
from tests.demo.rooms import pixels

HEATMAP = torch.linspace(-1, 2, 80).view(8, 10)


def decoded(address: str) -> Tensor:
    """The pixels behind an embedded picture's address, uint8 (3, H, W)."""
    kind, _, content = address.partition(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(content, validate=True))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


def in_bytes(rgb: Tensor) -> Tensor:
    return rgb.mul(255).round().byte()


def test_pictures_keep_their_pixels() -> None:
    every = torch.arange(256, dtype=torch.uint8).repeat(3).view(3, 8, 32)
    assert torch.equal(decoded(embedded(every)), every)
    assert torch.equal(decoded(embedded(every.float() / 255)), every)
    wide = pixels()[:, :5]
    assert torch.equal(decoded(embedded(wide)), wide)
    assert embedded_png(b"\x00\xff").endswith(",AP8=")


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("limit", [None, torch.tensor([4.0])])
def test_a_map_has_the_colours_of_colourize(signed: bool, limit: Tensor | None) -> None:
    expected = in_bytes(colourize(HEATMAP.unsqueeze(0), signed, limit)[0])
    assert torch.equal(decoded(embedded_map(HEATMAP, signed, limit)), expected)


@pytest.mark.parametrize("signed", [True, False])
def test_the_bar_goes_from_one_end_of_the_colours_to_the_other(signed: bool) -> None:
    bar = decoded(colour_bar(signed))
    assert bar.shape == (3, 1, 257)
    ends = torch.tensor(colour_map(signed)([0.0, 1.0])[:, :3]).T
    assert torch.equal(bar[:, 0, [0, -1]], in_bytes(ends))
    assert torch.equal(bar[:, 0, 128], in_bytes(torch.tensor(colour_map(signed)(0.5)[:3])))
