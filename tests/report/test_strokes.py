"""Lines of many methods can be told apart, and seen on white."""

from itertools import combinations, pairwise

import numpy as np
from skimage.color import deltaE_ciede2000, rgb2lab

from relprop.report.strokes import stroke

STROKES = [stroke(number) for number in range(32)]


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255


def luminance(colour: str) -> float:
    """Relative luminance as the Web Content Accessibility Guidelines define it."""
    share = rgb(colour)
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_each_method_has_a_line_of_its_own() -> None:
    assert len(set(STROKES)) == 32
    assert stroke(32) == stroke(0)
    assert all(one.colour != next_one.colour for one, next_one in pairwise(STROKES))


def test_colours_differ_and_stand_out_from_white() -> None:
    colours = sorted({one.colour for one in STROKES})
    for one, other in combinations(colours, 2):
        assert deltaE_ciede2000(rgb2lab(rgb(one)), rgb2lab(rgb(other))) >= 20, (one, other)
    assert all(1.05 / (luminance(colour) + 0.05) >= 3 for colour in colours)
