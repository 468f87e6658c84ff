"""Plain data that cannot be shown is refused where it is made."""

import numpy as np
import pytest

from relprop.errors import UserError
from relprop.report import Curve, Gallery, Page, Section, Shown
from relprop.tables import Column, Spread, Table
from tests.report.pages import page, picture


def test_methods_are_in_the_order_in_which_they_first_occur() -> None:
    table = Table([Column("method")], [["b"], ["a"], ["b"]])
    flat = [0.0, 1.0]
    sections = [
        Section("one", table, [Curve("c", "", flat, flat, flat, flat)], [Gallery("d"), Gallery("a")]),
        Section("two", Table([Column("n"), Column("method")], [[1, "e"]]), method_column=1),
    ]
    assert Page("", "", sections).methods() == ["b", "a", "c", "d", "e"]
    assert page().methods() == ["LRP", "Grad-CAM", "Score-CAM", "Gradient", "Random", "Sobel", "Extra"]


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_pictures_are_rgb_bytes(wrong: np.ndarray) -> None:
    for pictures, name in (((wrong, picture(0)), "image"), ((picture(0), wrong), "heatmap")):
        with pytest.raises(UserError, match=rf"^{name} must be uint8 \(H, W, 3\), not "):
            Shown(*pictures)


@pytest.mark.parametrize(
    ("x", "high", "message"),
    [
        ([0.0, 1.0], [1.0], r"as many values of each, one or more, not {'x': 2, 'mean': 2, 'low': 2, 'high': 1"),
        ([0.0, 1.0], [1.0, float("nan")], "has high that is not finite"),
        ([0.0, float("inf")], [1.0, 1.0], "has x that is not finite"),
        ([1.0, 0.0], [1.0, 1.0], r"ascending x, not \[1.0, 0.0\]"),
    ],
)
def test_curves_are_finite_and_ascending(x: list[float], high: list[float], message: str) -> None:
    with pytest.raises(UserError, match=f"^the curve of 'LRP' in 'insertion' .*{message}"):
        Curve("LRP", "insertion", x, [0.0, 1.0], [0.0, 1.0], high)
    with pytest.raises(UserError, match="one or more"):
        Curve("LRP", "insertion", [], [], [], [])


def test_rows_have_a_method() -> None:
    table = Table([Column("n"), Column("method")], [[1, "LRP"], [2, Spread(0.5, None)]])
    with pytest.raises(UserError, match="^row 1, column 0 of 'Scores' must be a method's name, not 1$"):
        Section("Scores", table)
    with pytest.raises(UserError, match=r"^row 2, column 1 of 'Scores' must be a method's name, not Spread"):
        Section("Scores", table, method_column=1)
