"""A click on a picture shows it at full size."""

from collections.abc import Callable

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from relprop.report import Gallery, Page, Section, Shown
from relprop.tables import Column, Table
from tests.report.opened import Opened
from tests.report.pages import page, picture, png

pytestmark = pytest.mark.browser
Open = Callable[..., Opened]


def title(shown: Opened) -> str:
    return shown.one("#viewer-title").text


def is_open(shown: Opened) -> bool:
    return shown.one("#viewer").is_displayed()


def size(shown: Opened) -> tuple[int, int]:
    rect = shown.one("#viewer-picture").rect
    return rect["width"], rect["height"]


def test_small_pictures_are_enlarged_pixel_by_pixel(opened: Open) -> None:
    shown = opened(page())
    for button, seed, name in ((0, 0, "image 1"), (3, 101, "LRP: class 1")):
        shown.all(".same .picture")[button].click()
        assert title(shown) == name
        assert size(shown) == (640, 640)  # 80-fold
        np.testing.assert_array_equal(
            shown.pixels(shown.one("#viewer-picture")), np.kron(picture(seed), np.ones((80, 80, 1)))
        )
        shown.press(Keys.ESCAPE)


def test_factors_are_whole(opened: Open) -> None:
    section = Section(
        "", Table([Column("method")], []), figures={"a": png(700, 50), "b": png(300, 200), "c": png(100, 30)}
    )
    shown = opened(Page("", "", [section]))
    sizes = []
    for button in shown.all(".picture"):
        button.click()
        sizes.append(size(shown))
        shown.press(Keys.ESCAPE)
    assert sizes == [(700, 50), (600, 400), (600, 180)]
    shown.resize(390)
    shown.all(".picture")[1].click()
    assert size(shown) == (300, 200)
    assert shown.script("document.documentElement.scrollWidth") == 390


def test_a_picture_larger_than_the_window_is_scrolled_in_its_box(opened: Open) -> None:
    section = Section("", Table([Column("method")], []), figures={"a": png(1500, 900)})
    shown = opened(Page("", "", [section]), width=390)
    shown.one(".picture").click()
    assert size(shown) == (1500, 900)
    assert shown.script("document.documentElement.scrollWidth") == 390
    assert shown.script("document.getElementById('viewer').scrollWidth > document.getElementById('viewer').clientWidth")
    # Arrows mean the next picture; were they to scroll as well, it would begin in the middle.
    key = "document.getElementById('viewer').dispatchEvent(new KeyboardEvent('keydown', arguments[0]))"
    assert shown.script(key, {"key": "ArrowRight", "cancelable": True}) is False
    assert shown.script(key, {"key": "PageDown", "cancelable": True}) is True


@pytest.mark.parametrize("selector", ["#viewer-picture", "[data-step='close']"])
def test_a_click_closes(opened: Open, selector: str) -> None:
    shown = opened(page())
    shown.one(".figures .picture").click()
    assert is_open(shown) and title(shown) == "conservation"
    shown.one(selector).click()
    assert not is_open(shown)


def test_a_click_beside_it_closes(opened: Open) -> None:
    shown = opened(page())
    shown.one(".figures .picture").click()
    shown.hover(shown.one("#viewer"), y=300)
    shown.chrome.execute_cdp_cmd(
        "Input.dispatchMouseEvent", {"type": "mousePressed", "x": 5, "y": 5, "button": "left", "clickCount": 1}
    )
    shown.chrome.execute_cdp_cmd(
        "Input.dispatchMouseEvent", {"type": "mouseReleased", "x": 5, "y": 5, "button": "left", "clickCount": 1}
    )
    assert not is_open(shown)


def test_by_keyboard(opened: Open) -> None:
    shown = opened(page())
    shown.script("document.querySelector('.pair .picture').focus()")
    shown.press(Keys.ENTER)
    assert is_open(shown) and title(shown) == "LRP, best, image: class 2"
    shown.press(Keys.ARROW_RIGHT)
    assert title(shown) == "LRP, best, heatmap: class 2"
    shown.press(Keys.ESCAPE)
    assert not is_open(shown)
    # Where one has come to, not where one began.
    assert shown.script("document.activeElement.dataset.title") == "LRP, best, heatmap: class 2"


def test_arrows_go_on(opened: Open) -> None:
    shown = opened(page())
    shown.one(".figures .picture").click()
    titles = [title(shown)]
    for _ in range(20):
        shown.press(Keys.ARROW_RIGHT)
        titles.append(title(shown))
    assert list(dict.fromkeys(titles)) == [
        *("conservation", "image 1", "image 2"),
        *("LRP: class 0", "LRP: class 1", "Grad-CAM: class 0", "Grad-CAM: class 1"),
        *("LRP, best, image: class 2", "LRP, best, heatmap: class 2"),
        *("LRP, worst, image: class 3", "LRP, worst, heatmap: class 3"),
        *("Grad-CAM, best, image: class 2", "Grad-CAM, best, heatmap: class 2"),
        *("Grad-CAM, worst, image: class 3", "Grad-CAM, worst, heatmap: class 3"),
    ]
    shown.press(Keys.ARROW_LEFT)
    assert title(shown) == "Grad-CAM, worst, image: class 3"
    shown.one("[data-step='1']").click()
    assert title(shown) == "Grad-CAM, worst, heatmap: class 3"
    shown.one("[data-step='-1']").click()
    assert title(shown) == "Grad-CAM, worst, image: class 3"


def test_arrows_up_and_down_go_to_the_same_picture_of_other_methods(opened: Open) -> None:
    shown = opened(page())
    shown.all(".same thead .picture")[1].click()
    titles = [title(shown)]
    for key in (Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP):
        shown.press(key)
        titles.append(title(shown))
    assert titles == ["image 2", "LRP: class 1", "Grad-CAM: class 1", "Grad-CAM: class 1", "LRP: class 1"]


def test_hidden_methods_are_passed_over(opened: Open) -> None:
    shown = opened(page())
    shown.all(".choice")[0].click()
    shown.all(".same thead .picture")[1].click()
    shown.press(Keys.ARROW_RIGHT)
    assert title(shown) == "Grad-CAM: class 0"


def test_thumbnails_keep_their_shape(opened: Open) -> None:
    photo = np.zeros((224, 224, 3), np.uint8)
    section = Section(
        "",
        Table([Column("method")], []),
        galleries=[Gallery("LRP", [Shown(photo, photo)])],
        figures={"a": png(700, 50)},
    )
    shown = opened(Page("", "", [section]))
    figure, *thumbnails = (image.rect for image in shown.all(".picture img"))
    assert [(image["width"], image["height"]) for image in thumbnails] == [(96, 96), (96, 96)]
    assert figure["width"] / figure["height"] == pytest.approx(14)
