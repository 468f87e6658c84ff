"""A real browser opens the page without a complaint or request, whatever its texts, and whatever its width."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab

from relprop.report import Page, Section, render
from relprop.tables import Column, Table
from tests.browser import Window, box, texts
from tests.report.pages import hostile, page

pytestmark = pytest.mark.browser
Open = Callable[..., Tab]

HOSTILE = (
    "</script><script>window.broken = 1</script>",
    "\"'><img src=x onerror='window.broken = 2'>",
    "</style></textarea></title><!-- <b>{{ 7 * 7 }}{% raw %} &amp; \\u0022 ${window.broken = 3} é–ε日",
)


def test_opens_in_silence(opened: Open) -> None:
    shown = opened(page())
    assert shown.title() == "A report"
    assert shown.evaluate("document.compatMode") == "CSS1Compat"
    assert shown.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth || !image.src)")
    assert shown.locator("img[data-source][src]").count() == 1 + 2 + 2 * 2 + 2 * 2 * 2


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_shown_as_they_are(opened: Open, text: str) -> None:
    shown = opened(hostile(text))
    assert shown.evaluate("window.broken ?? null") is None
    assert shown.title() == text
    for selector in ("h1", ".lead", "h2", ".caption", ".note", "footer p", "pre", "summary", "tbody th[colspan]"):
        assert (shown.locator(selector).first.text_content() or "").strip() == text, selector
    for selector in (".group", "td.text", "td.absent", ".choice", ".plot figcaption span", "svg .label", ".words"):
        assert (shown.locator(selector).first.text_content() or "").strip() == text, selector
    assert shown.locator("script").count() == 5 and shown.locator("b").count() == 0
    shown.locator(".same tbody .picture").first.click()
    assert shown.locator("#viewer-title").text_content() == f"{text}: {text}"


def test_requests_are_forbidden(window: Callable[..., Window], tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render(page()), encoding="utf-8")
    shown = window()
    shown.page.goto(file.as_uri())
    asked = """(async () => {
      const violated = new Promise((done, failed) => {
        addEventListener("securitypolicyviolation", done, { once: true });
        setTimeout(() => failed(new Error("nothing was violated")), 5000);
      });
      fetch("http://127.0.0.1:9/").catch(() => {});
      return (await violated).effectiveDirective;
    })()"""
    assert shown.page.evaluate(asked) == "connect-src"
    complaints = shown.complaints()
    assert complaints and all("Content Security Policy" in complaint for complaint in complaints)
    assert shown.requests() == [file.as_uri()]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_itself_never_scrolls_sideways(opened: Open, width: int) -> None:
    columns = [Column("method"), *(Column(f"a rather long name {number}") for number in range(20))]
    wide = Table(columns, [["a-method-with-a-name-that-cannot-be-broken-anywhere", *range(20)]])
    sections = [*page().sections, Section("A" * 60, wide)]
    shown = opened(Page("T" * 80, "", sections, ["n" * 90], {"one": "long: " + "x" * 300}), width)
    shown.locator("summary").click()
    assert shown.evaluate("document.documentElement.scrollWidth") == width == shown.evaluate("innerWidth")
    boxes = shown.evaluate("[...document.querySelectorAll('.scroll')].map((box) => [box.scrollWidth, box.clientWidth])")
    assert boxes[-1][0] > boxes[-1][1]
    shown.evaluate("[...document.querySelectorAll('.scroll')].at(-1).scrollBy(10000, 0)")
    last = box(shown.locator("th[data-place='20']").first)
    assert last["x"] + last["width"] <= width
    assert box(shown.locator("td:first-child").last)["x"] >= 0  # the method stays in sight


def test_configs_fold_open(opened: Open) -> None:
    shown = opened(page())
    assert texts(shown, "summary") == ["one"] and not shown.locator("pre").is_visible()
    shown.locator("summary").click()
    assert texts(shown, "pre") == ["a: 1\nb: [2]"]


def test_prints(opened: Open) -> None:
    shown = opened(page())
    shown.emulate_media(media="print")
    assert not shown.locator("#search").is_visible()
    assert shown.locator(".scores").first.is_visible() and shown.locator(".swatch").first.is_visible()
