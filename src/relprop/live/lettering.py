"""Type in pictures, by Pillow in DejaVu Sans, which comes with matplotlib and has most alphabets."""

from functools import cache, lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from relprop.live.frames import Pixels

Colour = tuple[int, int, int]


def put_text(canvas: Pixels, text: str, at: tuple[int, int], size: int, colour: Colour, align: str = "left") -> int:
    """Write a line of text onto the canvas, which has one colour there; give its width in pixels.

    `at` (x, y): the top of the line, and its left end, middle or right end, as `align` says. What would leave the
    canvas is cut off.
    """
    ink = _ink(text, size)
    height, width = ink.shape
    x = at[0] - {"left": 0, "centre": width // 2, "right": width}[align]
    place = canvas[at[1] : at[1] + height, max(0, x) : x + width]
    ink = ink[: place.shape[0], -place.shape[1] if x < 0 else 0 :][:, : place.shape[1], None]
    place[:] = place + (np.array(colour, np.float32) - place) * ink
    return int(width)


def shortened(text: str, size: int, room: int) -> str:
    """The text, its end replaced by "…" if it is wider than `room` pixels."""
    if _width(text, size) <= room:
        return text
    kept = next((n for n in range(len(text) - 1, 0, -1) if _width(f"{text[:n].rstrip()}…", size) <= room), 0)
    return f"{text[:kept].rstrip()}…"


@lru_cache(maxsize=4096)
def _width(text: str, size: int) -> int:
    return int(np.ceil(_font(size).getlength(text)))


@lru_cache(maxsize=512)
def _ink(text: str, size: int) -> NDArray[np.float32]:
    """How much of every pixel of the line is ink, (height, width) in [0, 1]."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    picture = Image.new("L", (max(1, _width(text, size)), ascent + descent))
    ImageDraw.Draw(picture).text((0, 0), text, fill=255, font=font)
    return np.asarray(picture, np.float32) / np.float32(255)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)
