"""Small pages for the tests: real renderings of made-up numbers and pictures that can be told apart."""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from relprop.report import Curve, Gallery, Page, Section, Shown
from relprop.tables import Absent, Column, Spread, Table

METHODS = ("LRP", "Grad-CAM", "Score-CAM", "Gradient", "Random", "Sobel")


def picture(seed: int, side: int = 8) -> NDArray[np.uint8]:
    """Noise, another for each seed."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def png(width: int, height: int) -> bytes:
    """A white figure."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "png")
    return file.getvalue()


def curve(method: str, panel: str, means: tuple[float, ...]) -> Curve:
    """Means at 0, 0.5 and 1, each with an interval of ± 0.1."""
    low, high = [mean - 0.1 for mean in means], [mean + 0.1 for mean in means]
    return Curve(method, panel, (0.0, 0.5, 1.0), means, low, high, "share of pixels shown", "probability")


def gallery(method: str, seed: int) -> Gallery:
    """One best, one worst; the images 0 and 1 by all methods."""
    same = [Shown(picture(image), picture(100 * seed + image), f"class {image}") for image in (0, 1)]
    best, worst = (Shown(picture(image), picture(100 * seed + image), f"class {image}") for image in (2, 3))
    return Gallery(method, [best], [worst], same)


def scores() -> Table:
    """`score` in two blocks: 10 is less than 9 as text, two values tie, two are absent."""
    columns = [
        Column("method"),
        Column("score", ".1f", "strict", "higher"),
        Column("n", group="strict"),
        Column("word"),
    ]
    rows = [
        ["LRP", Spread(9.0, 0.5, (8.5, 9.5)), 1, "item 10"],
        ["Grad-CAM", Absent("failed", "out of memory"), 2, "item 9"],
        ["Score-CAM", Spread(10.0, 0.25), 3, "Äpfel"],
        ["Gradient", Spread(-3.0, None), 4, "item 10"],
        ["Random", Spread(-3.0, None), 5, "zebra"],
        ["Sobel", Spread(math.nan, None), 6, "item 1"],
    ]
    return Table(columns, rows, "Scores of six", "n: images", {0: "first", 5: "last"})


def page() -> Page:
    """Two sections, the second without pictures."""
    curves = [
        curve("LRP", "insertion", (0.1, 0.6, 0.9)),
        curve("Grad-CAM", "insertion", (0.1, 0.3, 0.9)),
        curve("LRP", "deletion", (0.9, 0.2, 0.1)),
    ]
    galleries = [gallery("LRP", 1), gallery("Grad-CAM", 2)]
    pictured = Section("Pictured", scores(), curves, galleries, {"conservation": png(700, 50)})
    bare = Section("Bare", Table([Column("n"), Column("method")], [[1, "Extra"], [2, "LRP"]]), method_column=1)
    return Page("A report", "What it shows.", [pictured, bare], ["commit abc"], {"one": "a: 1\nb: [2]\n"})


def hostile(text: str) -> Page:
    """A page that has this text wherever there can be one."""
    table = Table([Column(text, group=text), Column(text)], [[text, Absent(text, text)]], text, text, {0: text})
    shown = [Shown(picture(0), picture(1), text)]
    curves = [Curve(text, text, [0, 1], [0, 1], [0, 1], [0, 1], text, text)]
    section = Section(text, table, curves, [Gallery(text, shown, shown, shown)], {text: png(9, 9)})
    return Page(text, text, [section], [text], {text: text})
