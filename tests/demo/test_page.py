"""The page in a real browser: networks, pictures, methods, classes."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from relprop.visualization import colour_limit, colourize, is_signed
from tests.browser import box, styles, texts
from tests.demo.driver import OVERFLOW, SOON, WIDTHS
from tests.demo.server import Server
from tests.demo.truth import Truth

pytestmark = [pytest.mark.slow, pytest.mark.browser]
PHOTOS = Path(__file__).parents[2] / "qual" / "originals"


@pytest.mark.parametrize("width", WIDTHS)
def test_it_opens_with_a_picture_explained(opened, width: int, server: Server, truth: Truth, tmp_path: Path) -> None:
    begun = time.perf_counter()
    driver = opened(width)
    assert time.perf_counter() - begun < 20
    pixels, position = driver.sample(0)
    assert pixels.equal(truth.test_image(position))
    assert driver.easel().equal(pixels)
    probabilities = truth.probabilities(pixels)
    shown = driver.classes()
    assert [row.name for row in shown] == [truth.data.class_names[i] for i in probabilities.topk(5).indices]
    assert [row.percent for row in shown] == pytest.approx((100 * probabilities.topk(5).values).tolist(), abs=0.06)
    assert [row.explained for row in shown] == [True, False, False, False, False]
    assert driver.page.evaluate(OVERFLOW) <= 0
    assert box(driver.part("easel"))["y"] < box(driver.part("methods"))["y"]  # on phones, too, the picture comes first
    driver.keep(f"opened_{width}", tmp_path)


def test_the_map_is_that_of_the_package(opened, truth: Truth) -> None:
    driver = opened()
    pixels = driver.choose_sample(3)
    heatmap = truth.heatmap(pixels, int(truth.probabilities(pixels).argmax()))
    expected = colourize(heatmap[None], is_signed(heatmap[None]))[0].mul(255)
    assert (driver.map("lrp").float() - expected).abs().max() <= 3  # one step of the colour map
    assert driver.map("lrp", ".over").shape == pixels.shape


@pytest.mark.parametrize("width", WIDTHS)
def test_a_photograph_is_cut_and_explained(opened, width: int, truth: Truth, tmp_path: Path) -> None:
    driver = opened(width)
    for name in ("cat.jpg", "rocket.jpg"):
        with driver.explained_anew():
            driver.give(PHOTOS / name)
        assert "your photograph" in driver.head()
        highest = 100 * truth.probabilities(driver.easel()).max().item()
        assert driver.classes()[0].percent == pytest.approx(highest, abs=0.06)
        expect(driver.part("photo").locator("img")).to_be_visible()
    assert driver.page.evaluate(OVERFLOW) <= 0
    driver.keep(f"photo_{width}", tmp_path)
    with driver.explained_anew():
        driver.choose("network", "vgg11")
    assert "your photograph, by vgg11" in driver.head()


def test_what_is_no_photograph_is_told_and_changes_nothing(opened) -> None:
    driver = opened()
    before = driver.head(), driver.classes(), driver.map("lrp")
    for name, content in (("broken.jpg", (PHOTOS / "cat.jpg").read_bytes()[:4000]), ("text.png", b"no picture")):
        driver.give({"name": name, "mimeType": "image/png", "buffer": content})
        message = driver.told().filter(has_text="the photograph cannot be decoded as an image")
        expect(message).to_be_visible(timeout=SOON)
        assert str(driver.server.outputs) not in message.inner_text()
        driver.page.get_by_role("button", name="close", exact=False).filter(visible=True).last.click()
        driver.page.get_by_label("Remove Image").click()
    assert (driver.head(), driver.classes()) == before[:2] and driver.map("lrp").equal(before[2])
    driver.choose_sample(2)


def test_the_webcam_gives_a_picture(opened) -> None:
    driver = opened()
    photo = driver.part("photo")
    photo.get_by_label("Capture from camera").click()
    photo.get_by_text("Click to Access Webcam").click()
    expect(photo.locator("video")).to_have_js_property("readyState", 4)
    with driver.explained_anew():
        photo.get_by_label("capture photo").click(timeout=SOON)
    assert "your photograph" in driver.head()
    assert driver.easel().float().std() > 10


def test_methods_come_and_go(opened, truth: Truth) -> None:
    driver = opened()
    pixels = driver.choose_sample(1)
    driver.choose("methods", "gradient")
    driver.wait_for_methods("lrp", "gradient")
    driver.choose("methods", "gradcam")
    driver.wait_for_methods("lrp", "gradient", "gradcam")
    target = int(truth.probabilities(pixels).argmax())
    maps = [truth.heatmap(pixels, target, name) for name in ("lrp", "gradient")]
    signed = any(is_signed(heatmap[None]) for heatmap in maps)
    for name, heatmap in zip(("lrp", "gradient"), maps, strict=True):
        expected = colourize(heatmap[None], signed)[0].mul(255)
        assert (driver.map(name).float() - expected).abs().max() <= 3
    driver.part("methods").locator(".token", has_text="lrp").locator(".token-remove").click()
    driver.wait_for_methods("gradient", "gradcam")
    driver.part("methods").locator(".remove-all").click()
    expect(driver.told().filter(has_text="choose from 1 to 8 methods")).to_be_visible(timeout=SOON)
    assert driver.methods() == ["gradient", "gradcam"]


def test_composite_skip_and_filter_are_those_of_the_map(opened, truth: Truth) -> None:
    driver = opened()
    pixels = driver.choose_sample(4)
    options: dict[str, object] = {}
    for part, text, value in (("composite", "zplus", "zplus"), ("skip", "simple", "simple"), ("filter", "0.5", 0.5)):
        with driver.explained_anew():
            if part == "filter":
                driver.part("filter").locator("input[type=number]").fill(text)
                driver.page.keyboard.press("Enter")
            else:
                driver.choose(part, text)
        options = {**options, "relevance_filter" if part == "filter" else part: value}
        heatmap = truth.heatmap(pixels, int(truth.probabilities(pixels).argmax()), **options)
        expected = colourize(heatmap[None], is_signed(heatmap[None]))[0].mul(255)
        assert (driver.map("lrp").float() - expected).abs().max() <= 3, options


def test_any_class_is_explained_by_a_click_or_by_search(opened, truth: Truth) -> None:
    driver = opened()
    pixels = driver.choose_sample(5)
    fourth = driver.classes()[3].name
    with driver.explained_anew():
        driver.part("classes").get_by_role("button").nth(3).click()
    assert [row.explained for row in driver.classes()] == [False, False, False, True, False]
    expect(driver.part("target").get_by_role("combobox")).to_have_value(re.compile(rf"^{fourth} "))
    last = truth.probabilities(pixels).argmin().item()
    with driver.explained_anew():
        driver.choose("target", f"({last})")
    assert [row.name for row in driver.classes() if row.explained] == [truth.data.class_names[int(last)]]
    heatmap = truth.heatmap(pixels, int(last))
    expected = colourize(heatmap[None], is_signed(heatmap[None]), colour_limit(heatmap[None]))[0].mul(255)
    assert (driver.map("lrp").float() - expected).abs().max() <= 3


@pytest.mark.parametrize("width", WIDTHS)
def test_map_overlay_or_both(opened, width: int) -> None:
    driver = opened(width)
    for view, shown in (("map", [True, False]), ("overlay", [False, True]), ("both", [True, True])):
        driver.part("view").get_by_label(view).check()
        for kind, visible in zip((".map", ".over"), shown, strict=True):
            expect(driver.part("maps").locator(kind)).to_be_visible(visible=visible)


def test_of_quick_clicks_the_last_one_counts(opened) -> None:
    driver = opened(1280)
    _, position = driver.sample(8)
    for number in (2, 5, 8):
        driver.part("samples").get_by_role("button").nth(number).click()
    head = driver.part("classes").locator(".head")
    expect(head).to_contain_text(f"image {position},", timeout=SOON)
    driver.page.wait_for_timeout(1000)
    expect(head).to_contain_text(f"image {position},")  # nothing has come after it


def test_two_windows_do_not_disturb_one_another(opened) -> None:
    one, other = opened(), opened()
    first = one.choose_sample(6)
    with other.explained_anew():
        other.choose("network", "vgg11")
    other.choose_sample(7)
    other.paint((1, 1))
    expect(other.part("easel").locator(".caption")).to_contain_text("1 stroke")
    with one.explained_anew():
        one.part("classes").get_by_role("button").nth(2).click()
    assert "resnet20" in one.head() and "vgg11" in other.head()
    assert one.easel().equal(first)
    assert one.part("easel").get_by_role("button", name="Undo").is_disabled()


def test_pixels_of_small_pictures_are_squares(opened) -> None:
    driver = opened()
    assert set(styles(driver.page, "#maps .stack img", "imageRendering")) == {"pixelated"}
    assert texts(driver.page, "#maps .limit")[0].startswith("100 % = ")
