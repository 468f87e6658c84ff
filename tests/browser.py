"""A browser for the tests: Debian's Chromium, driven by Playwright; windows keep what went wrong in them."""

import io
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, Page, expect, sync_playwright

TIMEOUT_MS = 10_000
PHONE = 500
# Nothing but this machine is found, so that a page which needs another host fails, with a network as without one.
ARGUMENTS = ("--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")

_SETTLED = "() => new Promise((done) => setTimeout(done))"
_TEXTS = """(elements) => elements
  .filter((element) => element.getClientRects().length).map((element) => element.innerText.trim())"""
_STYLES = "(elements, name) => elements.map((element) => getComputedStyle(element)[name])"


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """The browser that is installed, started with these arguments, too; none is downloaded."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if not executable:
        pytest.skip("no browser is installed: apt-get install chromium")
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*ARGUMENTS, *arguments])
        try:
            yield browser
        finally:
            browser.close()


@dataclass(frozen=True)
class Window:
    """A page whose cookies and storage are its own; lines of its console, and addresses it asked for, as they came."""

    page: Page
    heard: list[str]
    asked: list[str]

    @classmethod
    def opened(cls, browser: Browser, width: int = 1280, height: int = 800) -> "Window":
        """An empty one; narrow ones are those of phones."""
        context = browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=1, is_mobile=width < PHONE
        )
        context.set_default_timeout(TIMEOUT_MS)
        heard: list[str] = []
        asked: list[str] = []
        context.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
        context.on("weberror", lambda failure: heard.append(f"uncaught: {failure.error}"))
        context.on("request", lambda request: asked.append(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: asked.append(socket.url)))
        return cls(context.new_page(), heard, asked)

    def reset(self, width: int = 1280, height: int = 800) -> None:
        """Forget what was heard and asked, for another page; what the one shown has stored stays."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(media="screen")
        self.page.mouse.move(0, 0)
        self.heard.clear()
        self.asked.clear()

    def complaints(self) -> list[str]:
        """All that has come to the console, violations of a policy too, and errors that nothing has caught."""
        self.page.evaluate(_SETTLED)
        return list(self.heard)

    def requests(self) -> list[str]:
        """Addresses that have been asked for, but those that hold their data themselves."""
        self.page.evaluate(_SETTLED)
        return [url for url in self.asked if not url.startswith(("data:", "blob:"))]

    def close(self) -> None:
        self.page.context.close()


def texts(within: Page | Locator, selector: str) -> list[str]:
    """Of what is to be seen."""
    return list(within.locator(selector).evaluate_all(_TEXTS))


def styles(within: Page | Locator, selector: str, name: str) -> list[str]:
    """A computed property of each element."""
    return list(within.locator(selector).evaluate_all(_STYLES, name))


def box(element: Locator) -> dict[str, Any]:
    """Where a visible element is in the window, in pixels: x, y, width, height."""
    found = element.bounding_box()
    assert found is not None, f"{element} is not to be seen"
    return dict(found)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def pixels(element: Locator) -> NDArray[np.uint8]:
    """What the screen shows of an element, (H,W,3)."""
    element.scroll_into_view_if_needed()
    place = box(element)
    # What begins between two pixels is drawn from the nearer one on, while a screenshot of it would have both.
    left, top = (math.floor(place[side] + 0.5) for side in ("x", "y"))
    clip = FloatRect(x=left, y=top, width=place["width"], height=place["height"])
    with Image.open(io.BytesIO(element.page.screenshot(clip=clip))) as picture:
        return np.asarray(picture.convert("RGB"))
