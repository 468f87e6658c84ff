"""A real photograph in every format that Pillow or OpenCV writes, against its own pixels."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageCms

from relprop.data.files import UnreadableImageError
from relprop.data.opening import read_photo

RGB: NDArray[np.uint8] = skimage.data.chelsea()[20:180, 100:340].copy()
PHOTO = Image.fromarray(RGB)
GREY = np.asarray(PHOTO.convert("L"))
ALPHA = np.broadcast_to(np.linspace(0, 255, RGB.shape[1]).round().astype(np.uint8), GREY.shape)
ORIENTATION = 0x0112


def pixels(path: Path) -> NDArray[np.float64]:
    photo = read_photo(path)
    assert photo.mode == "RGB"
    return np.asarray(photo).astype(float)


def assert_close(path: Path, expected: NDArray[Any], mean: float, largest: float = 255) -> None:
    found = pixels(path)
    expected = np.broadcast_to(expected[..., None], found.shape) if expected.ndim == 2 else expected
    errors = np.abs(found - expected)
    assert errors.mean() <= mean and errors.max() <= largest


@pytest.mark.parametrize(
    ("name", "mode", "options", "mean"),
    [
        ("a.png", "RGB", {}, 0),
        ("a.bmp", "RGB", {}, 0),
        ("a.tif", "RGB", {"compression": "tiff_lzw"}, 0),
        ("a.ppm", "RGB", {}, 0),
        ("a.tga", "RGB", {}, 0),
        ("a.webp", "RGB", {"lossless": True}, 0),
        ("a.webp", "RGB", {"quality": 95}, 2),
        ("a.jp2", "RGB", {}, 0),
        ("a.jpg", "RGB", {"quality": 95, "subsampling": 0}, 2),
        ("a.jpg", "RGB", {"quality": 95, "progressive": True}, 2.5),
        ("a.jpg", "CMYK", {"quality": 95}, 1.5),  # which Pillow writes inverted, as Adobe does
        ("a.tif", "CMYK", {}, 0),
        ("a.tif", "YCbCr", {"compression": "tiff_lzw"}, 1.5),  # uncompressed, Pillow reads it from 13 on
        ("a.png", "RGBA", {}, 0),
        ("a.gif", "RGB", {}, 8),
        ("a.png", "P", {}, 20),  # the web palette, dithered
    ],
)
def test_a_photograph_of_any_mode_and_format(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any], mean: float
) -> None:
    PHOTO.convert(mode).save(tmp_path / name, **options)
    assert_close(tmp_path / name, RGB, mean)


def test_uncompressed_ycbcr_is_read_as_soon_as_pillow_can(tmp_path: Path) -> None:
    """Pillow below 13 writes it, and cannot read it: then it is refused by its name."""
    path = tmp_path / "a.tif"
    PHOTO.convert("YCbCr").save(path)
    if int(PIL.__version__.partition(".")[0]) >= 13:
        assert_close(path, RGB, 1.5)
    else:
        with pytest.raises(UnreadableImageError, match="a.tif cannot be decoded"):
            read_photo(path)


@pytest.mark.parametrize(("name", "mean"), [("a.png", 0), ("a.jpg", 4), ("a.tif", 0), ("a.pgm", 0)])
def test_grey(tmp_path: Path, name: str, mean: float) -> None:
    Image.fromarray(GREY).save(tmp_path / name)
    assert_close(tmp_path / name, GREY, mean)


def test_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    assert_close(tmp_path / "a.png", 255 * (GREY > 100), 0)


def test_lab(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    ImageCms.applyTransform(PHOTO, to_lab).save(tmp_path / "a.tif")
    assert_close(tmp_path / "a.tif", RGB, 0.7)


def over_white(values: NDArray[Any]) -> NDArray[np.float64]:
    share = ALPHA.astype(float) / 255
    share = share[..., None] if values.ndim == 3 else share
    return share * values + (1 - share) * 255


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([RGB, ALPHA])).save(tmp_path / "rgba.png")
    assert_close(tmp_path / "rgba.png", over_white(RGB), 0.6, 1)
    Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA.copy())]).save(tmp_path / "la.png")
    assert_close(tmp_path / "la.png", over_white(GREY), 0.6, 1)
    Image.fromarray(np.dstack([RGB, ALPHA])).save(tmp_path / "rgba.webp", lossless=True)
    assert_close(tmp_path / "rgba.webp", over_white(RGB), 0.6, 1)


@pytest.mark.parametrize(("name", "transparency"), [("a.png", 3), ("a.gif", 3), ("a.png", bytes([255, 255, 255, 0]))])
def test_a_transparent_entry_of_a_palette_is_white(tmp_path: Path, name: str, transparency: int | bytes) -> None:
    levels = np.clip(GREY // 50, 0, 4)
    image = Image.fromarray(levels).convert("L")
    image.putpalette([value for level in range(5) for value in (40 * level, 20, 200 - 40 * level)])
    image.save(tmp_path / name, transparency=transparency)
    expected = np.stack([40 * levels, np.full_like(levels, 20), 200 - 40 * levels], 2)
    expected[levels == 3] = 255
    assert_close(tmp_path / name, expected, 0)


def test_a_transparent_colour_of_a_png_is_white(tmp_path: Path) -> None:
    colour = tuple(int(value) for value in RGB[5, 7])
    PHOTO.save(tmp_path / "a.png", transparency=colour)
    expected = np.where((colour == RGB).all(2, keepdims=True), 255, RGB)
    assert_close(tmp_path / "a.png", expected, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_every_orientation_comes_out_upright(tmp_path: Path, orientation: int, name: str) -> None:
    """EXIF 2.3 §4.6.4: where the stored first row and first column lie in the upright picture."""
    stored = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),  # first row is the left side, first column the top
        6: RGB.transpose(1, 0, 2)[::-1],  # first row is the right side: the upright picture turned to the left
        7: RGB.transpose(1, 0, 2)[::-1, ::-1],
        8: RGB.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    lossless = {"a.webp": {"lossless": True}, "a.jpg": {"quality": 98, "subsampling": 0}}.get(name, {})
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / name, exif=exif, **lossless)
    assert_close(tmp_path / name, RGB, 1 if name == "a.jpg" else 0)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize(
    "broken", [b"damaged!", b"MM\0*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff\x12\x01"]
)
def test_broken_exif_is_ignored(tmp_path: Path, name: str, broken: bytes) -> None:
    options = {"quality": 98, "subsampling": 0} if name == "a.jpg" else {"lossless": True}
    PHOTO.save(tmp_path / name, exif=b"Exif\0\0" + broken, **options)
    assert_close(tmp_path / name, RGB, 1 if name == "a.jpg" else 0)


def test_an_orientation_that_there_is_not_is_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 9
    PHOTO.save(tmp_path / "a.png", exif=exif)
    assert_close(tmp_path / "a.png", RGB, 0)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.ppm"])
def test_sixteen_bits_of_colour(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(-120, 120, RGB.shape)
    deep = (RGB.astype(int) * 257 + noise).clip(0, 65535).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), deep[..., ::-1])
    assert_close(tmp_path / name, deep / 257, 1, 1)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm", "a.jp2"])
def test_sixteen_bits_of_grey_are_scaled_not_cut(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(-120, 120, GREY.shape)
    deep = (GREY.astype(int) * 257 + noise).clip(0, 65535).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), deep)
    assert_close(tmp_path / name, deep / 257, *((1, 5) if name == "a.jp2" else (0.5, 0.5001)))  # with a loss of its own


def test_other_deep_greys(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257
    Image.frombytes("I;16B", PHOTO.size, deep.astype(">u2").tobytes()).save(tmp_path / "big_endian.tif")
    Image.fromarray(deep.astype(np.int32)).save(tmp_path / "i.tif")
    Image.fromarray(65535 - deep).save(tmp_path / "white_is_zero.tif", tiffinfo={262: 0})
    Image.fromarray((GREY / 255).astype(np.float32)).save(tmp_path / "float.tif")
    for path in tmp_path.iterdir():
        assert_close(path, GREY, 0)


def test_adobes_ycck(tmp_path: Path) -> None:
    """Pillow writes CMYK inverted, marked transform 0; with the first three as YCbCr and transform 2 it is YCCK."""
    cmyk = np.asarray(PHOTO.convert("CMYK"))
    ycc = np.asarray(Image.fromarray(cmyk[..., :3].copy()).convert("YCbCr"))
    channels = np.dstack([255 - ycc, cmyk[..., 3]])
    Image.frombytes("CMYK", PHOTO.size, channels.tobytes()).save(tmp_path / "a.jpg", quality=98, subsampling=0)
    data = (tmp_path / "a.jpg").read_bytes()
    transform = data.index(b"Adobe\0") + 11
    assert data[transform] == 0
    (tmp_path / "a.jpg").write_bytes(data[:transform] + b"\x02" + data[transform + 1 :])
    assert_close(tmp_path / "a.jpg", RGB, 2)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_the_first_frame_of_an_animation(tmp_path: Path, name: str) -> None:
    frames = [PHOTO, Image.new("RGB", PHOTO.size, "red"), Image.new("RGB", PHOTO.size, "blue")]
    options = {"lossless": True} if name == "a.webp" else {}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=50, **options)
    assert_close(tmp_path / name, RGB, 8 if name == "a.gif" else 0)


def test_the_content_counts_not_the_ending(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.txt", "c"):
        PHOTO.save(tmp_path / name, "PNG")
        assert_close(tmp_path / name, RGB, 0)
