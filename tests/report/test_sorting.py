"""A table is sorted by value, with a mouse or by keyboard."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page as Tab

from relprop.report import Page, Section
from relprop.tables import Absent, Column, Spread, Table
from tests.browser import box, press, styles, texts
from tests.report.pages import page

pytestmark = pytest.mark.browser
Open = Callable[..., Tab]


def click(shown: Tab, place: int) -> list[str]:
    """Methods from top to bottom after a click on a header of the first table."""
    shown.locator(f"#section-1 .scores th[data-place='{place}'] button").click()
    return methods(shown)


def methods(shown: Tab) -> list[str]:
    return texts(shown, "#section-1 .scores tr[data-method] td:first-child")


def test_numbers_by_value_within_each_block(opened: Open) -> None:
    shown = opened(page())
    assert methods(shown) == ["LRP", "Grad-CAM", "Score-CAM", "Gradient", "Random", "Sobel"]
    # 10 before 9, the tie as it was, the absent last; Sobel is in a block of its own. Higher is better, so first.
    assert click(shown, 1) == ["Score-CAM", "LRP", "Gradient", "Random", "Grad-CAM", "Sobel"]
    assert click(shown, 1) == ["Gradient", "Random", "LRP", "Score-CAM", "Grad-CAM", "Sobel"]
    assert click(shown, 2) == ["LRP", "Grad-CAM", "Score-CAM", "Gradient", "Random", "Sobel"]
    assert click(shown, 2) == ["Random", "Gradient", "Score-CAM", "Grad-CAM", "LRP", "Sobel"]
    assert texts(shown, "#section-1 .heading") == ["first", "last"]


def test_texts_as_people_do(opened: Open) -> None:
    shown = opened(page())
    assert click(shown, 3) == ["Score-CAM", "Grad-CAM", "LRP", "Gradient", "Random", "Sobel"]  # Äpfel, item 9, item 10
    assert click(shown, 3) == ["Random", "LRP", "Gradient", "Grad-CAM", "Score-CAM", "Sobel"]


def test_values_of_every_kind(opened: Open) -> None:
    values = [0.5, "text", None, float("inf"), Spread(-1e-9, 0.1), float("-inf"), Absent("failed"), 1e20, float("nan")]
    table = Table([Column("method"), Column("value", "g")], [[f"m{i}", value] for i, value in enumerate(values)])
    shown = opened(Page("", "", [Section("", table)]))
    assert click(shown, 1) == ["m5", "m4", "m0", "m7", "m3", "m1", "m2", "m6", "m8"]
    assert click(shown, 1) == ["m1", "m3", "m7", "m0", "m4", "m5", "m2", "m6", "m8"]


def test_the_header_says_how_it_is_sorted(opened: Open) -> None:
    shown = opened(page())

    def sorted_by() -> list[tuple[str | None, str | None]]:
        headers = shown.locator("th[aria-sort]").all()
        return [(header.get_attribute("data-place"), header.get_attribute("aria-sort")) for header in headers]

    def arrow(place: int) -> str:
        header = shown.locator(f"#section-1 .scores th[data-place='{place}'] .arrow")
        return str(header.evaluate("(arrow) => getComputedStyle(arrow, '::after').content")).strip('"')

    assert sorted_by() == [] and arrow(1) == "none"
    click(shown, 1)
    assert sorted_by() == [("1", "descending")] and arrow(1) == "▼"
    click(shown, 1)
    assert sorted_by() == [("1", "ascending")] and arrow(1) == "▲"
    click(shown, 0)
    assert sorted_by() == [("0", "ascending")] and arrow(1) == "none"


def test_by_keyboard(opened: Open) -> None:
    shown = opened(page())
    shown.evaluate("document.querySelector('.scores button').focus()")
    press(shown, "Tab", "Tab", "Enter")  # headers over one line only come behind those over both
    assert texts(shown, "th[aria-sort]") == ["score ↑"]
    assert methods(shown)[0] == "Score-CAM"
    press(shown, "Space")
    assert methods(shown)[0] == "Gradient"


def test_one_table_leaves_the_others(opened: Open) -> None:
    shown = opened(page())
    shown.locator("#section-2 th button").first.click()
    shown.locator("#section-2 th button").first.click()
    assert texts(shown, "#section-2 tr[data-method]") == ["2\tLRP", "1\tExtra"]
    assert methods(shown) == ["LRP", "Grad-CAM", "Score-CAM", "Gradient", "Random", "Sobel"]


def test_best_and_second_stand_out(opened: Open) -> None:
    shown = opened(page())
    assert shown.locator(".best").all_inner_texts() == ["10.0"]
    assert int(styles(shown, ".best", "fontWeight")[0]) >= 600
    assert shown.locator(".second").all_inner_texts() == ["9.0"]
    assert "underline" in styles(shown, ".second", "textDecoration")[0]
    sizes = [float(styles(shown, part, "fontSize")[0][:-2]) for part in (".second", ".interval")]
    assert sizes[1] < sizes[0]
    group = box(shown.locator(".group"))
    columns = [box(shown.locator(f"#section-1 .scores th[data-place='{place}']")) for place in (1, 2)]
    assert group["x"] == columns[0]["x"] and group["y"] < columns[0]["y"]
    assert group["width"] == pytest.approx(sum(column["width"] for column in columns), abs=1)
