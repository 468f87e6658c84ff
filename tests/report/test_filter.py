"""Methods that are not chosen are hidden everywhere; the one that is pointed at is brought out."""

from collections.abc import Callable

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from relprop.report import Curve, Page, Section
from relprop.tables import Column, Table
from tests.report.opened import Opened
from tests.report.pages import METHODS, page

pytestmark = pytest.mark.browser
Open = Callable[..., Opened]
EVERY = [*METHODS, "Extra"]


def rows(shown: Opened, section: int) -> list[str]:
    return shown.texts(f"#section-{section} .scores tr[data-method] td:nth-child({section})")


def curves(shown: Opened) -> list[str]:
    """The methods of the curves that are to be seen."""
    code = "[...document.querySelectorAll('.curve')].filter((curve) => curve.getBoundingClientRect().width)"
    return [EVERY[int(number)] for number in shown.script(f"{code}.map((curve) => curve.dataset.method)")]


def choice(shown: Opened, method: str) -> WebElement:
    return shown.all(".choice")[EVERY.index(method)]


def test_everything_is_shown_at_first(opened: Open) -> None:
    shown = opened(page())
    assert shown.texts(".choice") == EVERY
    assert rows(shown, 1) == list(METHODS) and rows(shown, 2) == ["Extra", "LRP"]
    assert curves(shown) == ["LRP", "Grad-CAM", "LRP"]
    assert shown.one("#count").text == "7 of 7"
    assert not shown.one("#nothing").is_displayed()


def test_a_method_is_taken_out_everywhere(opened: Open) -> None:
    shown = opened(page())
    choice(shown, "LRP").click()
    assert rows(shown, 1) == list(METHODS[1:]) and rows(shown, 2) == ["Extra"]
    assert curves(shown) == ["Grad-CAM"]
    assert shown.texts(".same tbody th") == ["Grad-CAM"]
    assert shown.texts(".extremes h4") == ["Grad-CAM"]
    assert shown.one("#count").text == "6 of 7"
    choice(shown, "LRP").click()
    assert rows(shown, 1) == list(METHODS) and curves(shown) == ["LRP", "Grad-CAM", "LRP"]


def test_none_and_all(opened: Open) -> None:
    shown = opened(page())
    shown.one("[data-check='none']").click()
    assert rows(shown, 1) == rows(shown, 2) == curves(shown) == shown.texts(".same tbody th") == []
    assert shown.texts(".extremes") == shown.texts(".heading") == []
    assert shown.one("#count").text == "0 of 7"
    assert shown.one("#nothing").is_displayed()
    choice(shown, "Sobel").click()
    assert rows(shown, 1) == ["Sobel"] and shown.texts(".heading") == ["last"]
    shown.one("[data-check='all']").click()
    assert rows(shown, 1) == list(METHODS)
    assert not shown.one("#nothing").is_displayed()


def test_search(opened: Open) -> None:
    shown = opened(page())
    shown.one("#search").send_keys(" cAM")
    assert rows(shown, 1) == shown.texts(".choice") == ["Grad-CAM", "Score-CAM"] and rows(shown, 2) == []
    assert curves(shown) == ["Grad-CAM"]
    # All and none are those that fit the search; the others stay as they are.
    shown.one("[data-check='none']").click()
    assert rows(shown, 1) == []
    shown.one("#search").send_keys(*[Keys.BACKSPACE] * 4)
    assert rows(shown, 1) == ["LRP", "Gradient", "Random", "Sobel"]
    shown.one("#search").send_keys("nothing like this")
    assert rows(shown, 1) == [] and shown.one("#nothing").is_displayed()


def test_hidden_rows_come_back_in_the_order_of_the_sorted(opened: Open) -> None:
    shown = opened(page())
    choice(shown, "Score-CAM").click()
    shown.one(".scores th[data-place='1'] button").click()
    choice(shown, "Score-CAM").click()
    assert rows(shown, 1)[:2] == ["Score-CAM", "LRP"]


def opacities(shown: Opened) -> list[float]:
    return [float(opacity) for opacity in shown.styles(".curve", "opacity")]


def readings(shown: Opened) -> list[str]:
    return shown.texts(".reading")


def test_pointing_at_a_method_brings_its_curves_out(opened: Open) -> None:
    shown = opened(page())
    for target in (choice(shown, "Grad-CAM"), shown.all(".scores tr[data-method]")[1]):
        shown.hover(target)
        lrp, cam, elsewhere = opacities(shown)
        assert cam == elsewhere == 1 and lrp < 0.3
        assert readings(shown) == ["Grad-CAM", ""]
        shown.hover(shown.one("h1"))
        assert opacities(shown) == [1, 1, 1] and readings(shown) == ["", ""]


def test_focus_brings_its_curves_out(opened: Open) -> None:
    shown = opened(page())
    shown.one("#search").click()
    shown.press(*[Keys.TAB] * 4)
    assert opacities(shown)[1] == 1 and opacities(shown)[0] < 0.3
    assert readings(shown) == ["Grad-CAM", ""]
    shown.press(Keys.SPACE)
    assert rows(shown, 1)[:2] == ["LRP", "Score-CAM"]


def test_a_curve_is_read_under_the_pointer(opened: Open) -> None:
    x, means = [1.0, 2.0, 4.0], {"LRP": [-3.0, -1.0, -2.0], "Grad-CAM": [-3.0, -2.5, -3.0]}
    curves = [Curve(method, "", x, mean, mean, mean) for method, mean in means.items()]
    shown = opened(Page("", "", [Section("", Table([Column("method")], [["LRP"], ["Grad-CAM"]]), curves)]))
    svg = shown.one(".plot svg")
    scale = svg.rect["width"] / 480
    across, up = map(float, shown.all(".curve polyline")[0].get_attribute("points").split()[1].split(","))
    place = (across - 240) * scale, (up - 150) * scale - 5  # a little above LRP's second point

    shown.hover(svg, *place)
    name, reading = readings(shown)[0].split(": ")
    assert name == "LRP" and opacities(shown)[0] == 1 and opacities(shown)[1] < 0.3
    assert list(map(float, reading.split(" at "))) == pytest.approx([-1, 2], abs=0.02)
    assert shown.one(".cursor").is_displayed()
    shown.hover(shown.one("h1"))
    assert readings(shown) == [""] and opacities(shown) == [1, 1] and not shown.one(".cursor").is_displayed()
    choice(shown, "LRP").click()
    shown.hover(svg, *place)
    assert readings(shown) == [""]  # it is hidden, and the other one too far away


def test_lines_have_the_look_that_the_list_says(opened: Open) -> None:
    shown = opened(page())
    for method in ("LRP", "Grad-CAM"):
        number = EVERY.index(method)
        lines = f".swatch .stroke-{number}, polyline.stroke-{number}"
        looks = list(zip(shown.styles(lines, "stroke"), shown.styles(lines, "strokeDasharray"), strict=True))
        assert len(looks) > 1 and len(set(looks)) == 1 and looks[0][0] != "none"
