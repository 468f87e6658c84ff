"""A real browser opens the page without a complaint or request, whatever its texts, and whatever its width."""

from collections.abc import Callable

import pytest

from relprop.report import Page, Section
from relprop.tables import Column, Table
from tests.report.opened import Opened
from tests.report.pages import hostile, page

pytestmark = pytest.mark.browser
Open = Callable[..., Opened]

HOSTILE = (
    "</script><script>window.broken = 1</script>",
    "\"'><img src=x onerror='window.broken = 2'>",
    "</style></textarea></title><!-- <b>{{ 7 * 7 }}{% raw %} &amp; \\u0022 ${window.broken = 3} é–ε日",
)


def test_opens_in_silence(opened: Open) -> None:
    shown = opened(page())
    assert shown.chrome.title == "A report"
    assert shown.script("document.compatMode") == "CSS1Compat"
    assert shown.script("[...document.images].every((image) => image.complete && image.naturalWidth || !image.src)")
    assert len(shown.all("img[data-source][src]")) == 1 + 2 + 2 * 2 + 2 * 2 * 2


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_shown_as_they_are(opened: Open, text: str) -> None:
    shown = opened(hostile(text))
    assert shown.script("window.broken ?? null") is None
    assert shown.chrome.title == text
    for selector in ("h1", ".lead", "h2", ".caption", ".note", "footer p", "pre", "summary", "tbody th[colspan]"):
        assert shown.script("document.querySelector(arguments[0]).textContent", selector).strip() == text, selector
    for selector in (".group", "td.text", "td.absent", ".choice", ".plot figcaption span", "svg .label", ".words"):
        assert shown.script("document.querySelector(arguments[0]).textContent", selector).strip() == text, selector
    assert len(shown.all("script")) == 5 and len(shown.all("b")) == 0
    shown.all(".same tbody .picture")[0].click()
    assert shown.one("#viewer-title").get_attribute("textContent") == f"{text}: {text}"


def test_requests_are_forbidden(opened: Open) -> None:
    shown = opened(page())
    asked = """(async () => {
      const violated = new Promise((done) => addEventListener("securitypolicyviolation", done, { once: true }));
      fetch("http://127.0.0.1:9/").catch(() => {});
      return (await violated).effectiveDirective;
    })()"""
    assert shown.script(asked) == "connect-src"
    assert all("Content Security Policy" in complaint for complaint in shown.complaints())


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_itself_never_scrolls_sideways(opened: Open, width: int) -> None:
    columns = [Column("method"), *(Column(f"a rather long name {number}") for number in range(20))]
    wide = Table(columns, [["a-method-with-a-name-that-cannot-be-broken-anywhere", *range(20)]])
    sections = [*page().sections, Section("A" * 60, wide)]
    shown = opened(Page("T" * 80, "", sections, ["n" * 90], {"one": "long: " + "x" * 300}), width)
    shown.one("summary").click()
    assert shown.script("document.documentElement.scrollWidth") == width == shown.script("innerWidth")
    boxes = shown.script("[...document.querySelectorAll('.scroll')].map((box) => [box.scrollWidth, box.clientWidth])")
    assert boxes[-1][0] > boxes[-1][1]
    shown.script("[...document.querySelectorAll('.scroll')].at(-1).scrollBy(10000, 0)")
    last = shown.all("th[data-place='20']")[0].rect
    assert last["x"] + last["width"] <= width
    assert shown.all("td:first-child")[-1].rect["x"] >= 0  # the method stays in sight


def test_configs_fold_open(opened: Open) -> None:
    shown = opened(page())
    assert shown.texts("summary") == ["one"] and not shown.one("pre").is_displayed()
    shown.one("summary").click()
    assert shown.texts("pre") == ["a: 1\nb: [2]"]


def test_prints(opened: Open) -> None:
    shown = opened(page())
    shown.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not shown.one("#search").is_displayed()
        assert shown.one(".scores").is_displayed() and shown.one(".swatch").is_displayed()
    finally:
        shown.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
