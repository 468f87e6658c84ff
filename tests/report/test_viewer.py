"""A click on a picture shows it at full size."""

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from relprop.report import Gallery, Page, Section, Shown
from relprop.tables import Column, Table
from tests.browser import box, pixels, press
from tests.report.pages import page, picture, png

pytestmark = pytest.mark.browser
Open = Callable[..., Tab]


def title(shown: Tab) -> str:
    return shown.locator("#viewer-title").inner_text()


def is_open(shown: Tab) -> bool:
    return shown.locator("#viewer").is_visible()


def size(shown: Tab) -> tuple[int, int]:
    picture = box(shown.locator("#viewer-picture"))
    return picture["width"], picture["height"]


def test_small_pictures_are_enlarged_pixel_by_pixel(opened: Open) -> None:
    shown = opened(page())
    for button, seed, name in ((0, 0, "image 1"), (3, 101, "LRP: class 1")):
        shown.locator(".same .picture").nth(button).click()
        assert title(shown) == name
        assert size(shown) == (640, 640)  # 80-fold
        np.testing.assert_array_equal(
            pixels(shown.locator("#viewer-picture")), np.kron(picture(seed), np.ones((80, 80, 1)))
        )
        press(shown, "Escape")


def test_factors_are_whole(opened: Open) -> None:
    section = Section(
        "", Table([Column("method")], []), figures={"a": png(700, 50), "b": png(300, 200), "c": png(100, 30)}
    )
    shown = opened(Page("", "", [section]))
    sizes = []
    for button in shown.locator(".picture").all():
        button.click()
        sizes.append(size(shown))
        press(shown, "Escape")
    assert sizes == [(700, 50), (600, 400), (600, 180)]
    shown.set_viewport_size({"width": 390, "height": 800})
    shown.locator(".picture").nth(1).click()
    assert size(shown) == (300, 200)
    assert shown.evaluate("document.documentElement.scrollWidth") == 390


def test_a_picture_larger_than_the_window_is_scrolled_in_its_box(opened: Open) -> None:
    section = Section("", Table([Column("method")], []), figures={"a": png(1500, 900)})
    shown = opened(Page("", "", [section]), width=390)
    shown.locator(".picture").click()
    assert size(shown) == (1500, 900)
    assert shown.evaluate("document.documentElement.scrollWidth") == 390
    # Arrows mean the next picture; were they to scroll as well, it would begin in the middle.
    viewer = shown.locator("#viewer")
    assert viewer.evaluate("(viewer) => viewer.scrollWidth > viewer.clientWidth")
    went_on = "(viewer, key) => viewer.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true }))"
    assert viewer.evaluate(went_on, "ArrowRight") is False
    assert viewer.evaluate(went_on, "PageDown") is True


@pytest.mark.parametrize("selector", ["#viewer-picture", "[data-step='close']"])
def test_a_click_closes(opened: Open, selector: str) -> None:
    shown = opened(page())
    shown.locator(".figures .picture").click()
    assert is_open(shown) and title(shown) == "conservation"
    shown.locator(selector).click()
    assert not is_open(shown)


def test_a_click_beside_it_closes(opened: Open) -> None:
    shown = opened(page())
    shown.locator(".figures .picture").click()
    shown.mouse.click(5, 5)
    assert not is_open(shown)


def test_by_keyboard(opened: Open) -> None:
    shown = opened(page())
    shown.evaluate("document.querySelector('.pair .picture').focus()")
    press(shown, "Enter")
    assert is_open(shown) and title(shown) == "LRP, best, image: class 2"
    press(shown, "ArrowRight")
    assert title(shown) == "LRP, best, heatmap: class 2"
    press(shown, "Escape")
    assert not is_open(shown)
    # Where one has come to, not where one began.
    expect(shown.locator(":focus")).to_have_attribute("data-title", "LRP, best, heatmap: class 2")


def test_arrows_go_on(opened: Open) -> None:
    shown = opened(page())
    shown.locator(".figures .picture").click()
    titles = [title(shown)]
    for _ in range(20):
        press(shown, "ArrowRight")
        titles.append(title(shown))
    assert list(dict.fromkeys(titles)) == [
        *("conservation", "image 1", "image 2"),
        *("LRP: class 0", "LRP: class 1", "Grad-CAM: class 0", "Grad-CAM: class 1"),
        *("LRP, best, image: class 2", "LRP, best, heatmap: class 2"),
        *("LRP, worst, image: class 3", "LRP, worst, heatmap: class 3"),
        *("Grad-CAM, best, image: class 2", "Grad-CAM, best, heatmap: class 2"),
        *("Grad-CAM, worst, image: class 3", "Grad-CAM, worst, heatmap: class 3"),
    ]
    press(shown, "ArrowLeft")
    assert title(shown) == "Grad-CAM, worst, image: class 3"
    shown.locator("[data-step='1']").click()
    assert title(shown) == "Grad-CAM, worst, heatmap: class 3"
    shown.locator("[data-step='-1']").click()
    assert title(shown) == "Grad-CAM, worst, image: class 3"


def test_arrows_up_and_down_go_to_the_same_picture_of_other_methods(opened: Open) -> None:
    shown = opened(page())
    shown.locator(".same thead .picture").nth(1).click()
    titles = [title(shown)]
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        press(shown, key)
        titles.append(title(shown))
    assert titles == ["image 2", "LRP: class 1", "Grad-CAM: class 1", "Grad-CAM: class 1", "LRP: class 1"]


def test_hidden_methods_are_passed_over(opened: Open) -> None:
    shown = opened(page())
    shown.locator(".choice").first.click()
    shown.locator(".same thead .picture").nth(1).click()
    press(shown, "ArrowRight")
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
    figure, *thumbnails = map(box, shown.locator(".picture img").all())
    assert [(image["width"], image["height"]) for image in thumbnails] == [(96, 96), (96, 96)]
    assert figure["width"] / figure["height"] == pytest.approx(14)
