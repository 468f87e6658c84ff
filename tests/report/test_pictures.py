"""Each picture is in the page once, small ones without loss."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from relprop.errors import UserError
from relprop.report.pictures import Picture, Pictures
from tests.report.pages import picture, png


def decoded(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.split(",")[1], validate=True)))


def smooth(side: int) -> np.ndarray:
    """A gradient of colours, as photographs are smooth."""
    ramp = np.linspace(0, 255, side).astype(np.uint8)
    return np.stack([*np.broadcast_arrays(ramp[:, None], ramp[None]), np.full((side, side), 90, np.uint8)], axis=2)


def test_small_pictures_keep_every_pixel() -> None:
    pictures = Pictures()
    pixels = picture(0, 64)[:40]
    added = pictures.add(pixels)
    assert added == Picture("p0", 64, 40) and added.small
    assert pictures.sources["p0"].startswith("data:image/png;base64,")
    with decoded(pictures.sources["p0"]) as file:
        assert file.format == "PNG"
        np.testing.assert_array_equal(np.asarray(file), pixels)


def test_larger_pictures_are_jpeg() -> None:
    pictures = Pictures()
    added = pictures.add(smooth(65))
    assert added == Picture("p0", 65, 65) and not added.small
    assert pictures.sources["p0"].startswith("data:image/jpeg;base64,")
    with decoded(pictures.sources["p0"]) as file:
        assert file.format == "JPEG"
        assert np.abs(np.asarray(file).astype(int) - smooth(65)).mean() < 2


def test_the_same_picture_is_embedded_once() -> None:
    pictures = Pictures()
    assert pictures.add(picture(0)) is pictures.add(picture(0).copy())
    assert pictures.add(picture(1)) != pictures.add(picture(0))
    assert pictures.add(np.zeros((2, 8, 3), np.uint8)) != pictures.add(np.zeros((8, 2, 3), np.uint8))
    assert pictures.add_png(png(5, 9), "one") is pictures.add_png(png(5, 9), "two")
    assert list(pictures.sources) == ["p0", "p1", "p2", "p3", "p4"]


def test_files_are_kept_as_they_are() -> None:
    pictures = Pictures()
    assert pictures.add_png(png(300, 7), "figure") == Picture("p0", 300, 7)
    assert pictures.sources["p0"] == f"data:image/png;base64,{base64.b64encode(png(300, 7)).decode()}"


def test_other_files_are_refused_by_name() -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8)).save(jpeg, "jpeg")
    for file in (b"<svg/>", b"", jpeg.getvalue()):
        with pytest.raises(UserError, match="^figure 'conservation' must be the bytes of a PNG file, not b"):
            Pictures().add_png(file, "conservation")
