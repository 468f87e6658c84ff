"""Methods that are not chosen are hidden everywhere; the one that is pointed at is brought out."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Position
from playwright.sync_api import Page as Tab

from relprop.report import Curve, Page, Section
from relprop.tables import Column, Table
from tests.browser import box, press, styles, texts
from tests.report.pages import METHODS, page

pytestmark = pytest.mark.browser
Open = Callable[..., Tab]
EVERY = [*METHODS, "Extra"]


def rows(shown: Tab, section: int) -> list[str]:
    return texts(shown, f"#section-{section} .scores tr[data-method] td:nth-child({section})")


def curves(shown: Tab) -> list[str]:
    """The methods of the curves that are to be seen."""
    code = "[...document.querySelectorAll('.curve')].filter((curve) => curve.getBoundingClientRect().width)"
    return [EVERY[int(number)] for number in shown.evaluate(f"{code}.map((curve) => curve.dataset.method)")]


def choice(shown: Tab, method: str) -> Locator:
    return shown.locator(".choice").nth(EVERY.index(method))


def test_everything_is_shown_at_first(opened: Open) -> None:
    shown = opened(page())
    assert texts(shown, ".choice") == EVERY
    assert rows(shown, 1) == list(METHODS) and rows(shown, 2) == ["Extra", "LRP"]
    assert curves(shown) == ["LRP", "Grad-CAM", "LRP"]
    assert shown.locator("#count").inner_text() == "7 of 7"
    assert not shown.locator("#nothing").is_visible()


def test_a_method_is_taken_out_everywhere(opened: Open) -> None:
    shown = opened(page())
    choice(shown, "LRP").click()
    assert rows(shown, 1) == list(METHODS[1:]) and rows(shown, 2) == ["Extra"]
    assert curves(shown) == ["Grad-CAM"]
    assert texts(shown, ".same tbody th") == ["Grad-CAM"]
    assert texts(shown, ".extremes h4") == ["Grad-CAM"]
    assert shown.locator("#count").inner_text() == "6 of 7"
    choice(shown, "LRP").click()
    assert rows(shown, 1) == list(METHODS) and curves(shown) == ["LRP", "Grad-CAM", "LRP"]


def test_none_and_all(opened: Open) -> None:
    shown = opened(page())
    shown.locator("[data-check='none']").click()
    assert rows(shown, 1) == rows(shown, 2) == curves(shown) == texts(shown, ".same tbody th") == []
    assert texts(shown, ".extremes") == texts(shown, ".heading") == []
    assert shown.locator("#count").inner_text() == "0 of 7"
    assert shown.locator("#nothing").is_visible()
    choice(shown, "Sobel").click()
    assert rows(shown, 1) == ["Sobel"] and texts(shown, ".heading") == ["last"]
    shown.locator("[data-check='all']").click()
    assert rows(shown, 1) == list(METHODS)
    assert not shown.locator("#nothing").is_visible()


def test_search(opened: Open) -> None:
    shown = opened(page())
    shown.locator("#search").press_sequentially(" cAM")
    assert rows(shown, 1) == texts(shown, ".choice") == ["Grad-CAM", "Score-CAM"] and rows(shown, 2) == []
    assert curves(shown) == ["Grad-CAM"]
    # All and none are those that fit the search; the others stay as they are.
    shown.locator("[data-check='none']").click()
    assert rows(shown, 1) == []
    shown.locator("#search").focus()
    press(shown, *["Backspace"] * 4)
    assert rows(shown, 1) == ["LRP", "Gradient", "Random", "Sobel"]
    shown.locator("#search").press_sequentially("nothing like this")
    assert rows(shown, 1) == [] and shown.locator("#nothing").is_visible()


def test_hidden_rows_come_back_in_the_order_of_the_sorted(opened: Open) -> None:
    shown = opened(page())
    choice(shown, "Score-CAM").click()
    shown.locator("#section-1 .scores th[data-place='1'] button").click()
    choice(shown, "Score-CAM").click()
    assert rows(shown, 1)[:2] == ["Score-CAM", "LRP"]


def opacities(shown: Tab) -> list[float]:
    return [float(opacity) for opacity in styles(shown, ".curve", "opacity")]


def readings(shown: Tab) -> list[str]:
    return texts(shown, ".reading")


def test_pointing_at_a_method_brings_its_curves_out(opened: Open) -> None:
    shown = opened(page())
    for target in (choice(shown, "Grad-CAM"), shown.locator(".scores tr[data-method]").nth(1)):
        target.hover()
        lrp, cam, elsewhere = opacities(shown)
        assert cam == elsewhere == 1 and lrp < 0.3
        assert readings(shown) == ["Grad-CAM", ""]
        shown.locator("h1").hover()
        assert opacities(shown) == [1, 1, 1] and readings(shown) == ["", ""]


def test_focus_brings_its_curves_out(opened: Open) -> None:
    shown = opened(page())
    shown.locator("#search").click()
    press(shown, *["Tab"] * 4)
    assert opacities(shown)[1] == 1 and opacities(shown)[0] < 0.3
    assert readings(shown) == ["Grad-CAM", ""]
    press(shown, "Space")
    assert rows(shown, 1)[:2] == ["LRP", "Score-CAM"]


def test_a_curve_is_read_under_the_pointer(opened: Open) -> None:
    x, means = [1.0, 2.0, 4.0], {"LRP": [-3.0, -1.0, -2.0], "Grad-CAM": [-3.0, -2.5, -3.0]}
    curves = [Curve(method, "", x, mean, mean, mean) for method, mean in means.items()]
    shown = opened(Page("", "", [Section("", Table([Column("method")], [["LRP"], ["Grad-CAM"]]), curves)]))
    svg = shown.locator(".plot svg")
    scale = box(svg)["width"] / 480
    points = shown.locator(".curve polyline").first.get_attribute("points") or ""
    across, up = map(float, points.split()[1].split(","))
    place = Position(x=round(across * scale), y=round(up * scale - 5))  # a little above LRP's second point

    svg.hover(position=place)
    name, reading = readings(shown)[0].split(": ")
    assert name == "LRP" and opacities(shown)[0] == 1 and opacities(shown)[1] < 0.3
    assert list(map(float, reading.split(" at "))) == pytest.approx([-1, 2], abs=0.02)
    assert shown.locator(".cursor").is_visible()
    shown.mouse.move(0, 0)
    assert readings(shown) == [""] and opacities(shown) == [1, 1] and not shown.locator(".cursor").is_visible()
    choice(shown, "LRP").click()
    svg.hover(position=place)
    assert readings(shown) == [""]  # it is hidden, and the other one too far away


def test_lines_have_the_look_that_the_list_says(opened: Open) -> None:
    shown = opened(page())
    for method in ("LRP", "Grad-CAM"):
        number = EVERY.index(method)
        lines = f".swatch .stroke-{number}, polyline.stroke-{number}"
        looks = list(zip(styles(shown, lines, "stroke"), styles(shown, lines, "strokeDasharray"), strict=True))
        assert len(looks) > 1 and len(set(looks)) == 1 and looks[0][0] != "none"
