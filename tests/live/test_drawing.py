"""The picture of a frame."""

import cv2
import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor

from relprop.live.colours import fast_limit, fast_overlay
from relprop.live.drawing import GAP, MARGIN, PANEL, Drawing, Speeds, panel_side
from relprop.live.explaining import Explanation
from relprop.live.frames import Pixels

SPEEDS = Speeds(12.3, 30.0)


def explanation(side: int, heatmap: Tensor | None = None, target: int = 0, probability: float = 0.5) -> Explanation:
    seen = cv2.resize(load_sample_image("flower.jpg"), (side, side))
    torch.manual_seed(0)
    return Explanation(seen, (torch.rand(side, side) ** 4 if heatmap is None else heatmap).numpy(), target, probability)


def drawing(side: int) -> Drawing:
    return Drawing(side, ("tabby", "a class with a very long name, longer than there is room for"), "lrp", "resnet20")


def panels(picture: Pixels, panel: int) -> tuple[Pixels, Pixels]:
    left, right = (picture[MARGIN : MARGIN + panel, x : x + panel] for x in (MARGIN, MARGIN + panel + GAP))
    return left, right


@pytest.mark.parametrize(
    ("side", "panel"), [(32, 352), (28, 336), (96, 384), (128, 336), (224, 336), (299, 336), (337, 338)]
)
def test_panels_are_large_enough_and_even(side: int, panel: int) -> None:
    assert panel_side(side) == panel >= PANEL
    width, height = drawing(side).size
    assert width % 2 == height % 2 == 0


def test_small_images_become_squares_of_pixels() -> None:
    shown, draw = explanation(32), drawing(32)
    left, right = panels(draw(shown, SPEEDS), draw.panel)
    limit = fast_limit(shown.heatmap)
    for pixels, of in ((left, shown.seen), (right, fast_overlay(shown.seen, shown.heatmap, limit, False))):
        assert np.array_equal(pixels, of.repeat(11, 0).repeat(11, 1))


def test_large_images_are_shown_as_they_are() -> None:
    shown, draw = explanation(400), drawing(400)
    left, right = panels(draw(shown, SPEEDS), draw.panel)
    assert np.array_equal(left, shown.seen)
    limit = fast_limit(shown.heatmap)
    assert np.array_equal(right, fast_overlay(shown.seen, shown.heatmap, limit, False))


def test_photographs_are_interpolated() -> None:
    shown, draw = explanation(224), drawing(224)
    left, _ = panels(draw(shown, SPEEDS), draw.panel)
    assert np.abs(cv2.resize(left, (224, 224), interpolation=cv2.INTER_AREA).astype(int) - shown.seen).mean() < 3
    assert not np.array_equal(left[::3, ::3], left[1::3, 1::3])


def test_once_signed_the_colours_stay_so() -> None:
    """A map without negative values is drawn in the same colours after one with some, and in others before."""
    draw, positive = drawing(32), explanation(32)
    before = draw(positive, SPEEDS)
    assert not draw.signed
    draw(explanation(32, torch.randn(32, 32)), SPEEDS)
    after = draw(positive, SPEEDS)
    assert draw.signed
    _, right = panels(after, draw.panel)
    limit = fast_limit(positive.heatmap)
    assert np.array_equal(right[::11, ::11], fast_overlay(positive.seen, positive.heatmap, limit, True))
    assert not np.array_equal(before, after)


def test_rounding_makes_no_map_signed() -> None:
    draw = drawing(32)
    heatmap = torch.rand(32, 32)
    heatmap[0, 0] = -1e-7
    draw(explanation(32, heatmap), SPEEDS)
    assert not draw.signed


def rows_that_differ(one: Pixels, other: Pixels, panel: int) -> set[int]:
    return set(np.flatnonzero((one != other).any((1, 2))).tolist())


def test_the_strip_says_class_probability_speed_and_scale() -> None:
    draw, shown = drawing(32), explanation(32)
    picture, strip = draw(shown, SPEEDS), MARGIN + draw.panel
    left, right = slice(0, MARGIN + draw.panel + GAP // 2), slice(MARGIN + draw.panel + GAP // 2, None)
    changes = {
        "class": (explanation(32, target=1), SPEEDS, left),
        "probability": (explanation(32, probability=0.9), SPEEDS, left),
        "speed": (shown, Speeds(3.0, 30.0), left),
        "source": (shown, Speeds(12.3, 25.0), left),
        "scale": (Explanation(shown.seen, 2 * shown.heatmap, 0, 0.5), SPEEDS, right),
    }
    for name, (changed, speeds, side) in changes.items():
        differs = (draw(changed, speeds) != picture).any(2)
        assert not differs[:strip].any(), name  # relevance has no unit: the panels stay
        other = right if side is left else left
        assert differs[strip:, side].any() and not differs[strip:, other].any(), name


def test_the_bar_is_as_long_as_the_probability() -> None:
    draw = drawing(32)
    row = MARGIN + draw.panel + 8 + 36
    lengths = []
    for probability in (0.0, 0.25, 1.0):
        bar = draw(explanation(32, probability=probability), SPEEDS)[row, MARGIN : MARGIN + draw.panel]
        lengths.append(int((bar[:, 2] > 200).sum()))
    assert lengths == [0, draw.panel // 4, draw.panel]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_heatmap_that_is_not_finite_is_left_out_and_named(value: float) -> None:
    draw = drawing(32)
    broken, zeros = torch.full((32, 32), value), torch.zeros(32, 32)
    picture, none = draw(explanation(32, broken), SPEEDS), draw(explanation(32, zeros), SPEEDS)
    for one, other in zip(panels(picture, draw.panel), panels(none, draw.panel), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(picture, none)


@pytest.mark.parametrize(
    ("speeds", "said"),
    [
        (Speeds(0, 30), "… of 30 frames per second explained"),
        (Speeds(0.53, 29.97), "0.5 of 30 frames per second explained"),
        (Speeds(9.96, 9.5), "10.0 of 9.5 frames per second explained"),
    ],
)
def test_speeds_are_said_as_exactly_as_they_can_be_read(speeds: Speeds, said: str) -> None:
    assert str(speeds) == said


def test_pictures_are_new_ones() -> None:
    draw = drawing(32)
    first = draw(explanation(32), SPEEDS)
    kept = first.copy()
    draw(explanation(32, torch.rand(32, 32), 1, 0.1), Speeds(1, 2))
    assert np.array_equal(first, kept)
