from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from relprop.report import Page, render
from tests.browser import PHONE, Window, chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for all of these tests, of which none starts a loop of its own."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[Window]:
    """One for all of these tests, as opening one takes longer than most of them; a report leaves nothing in it."""
    window = Window.opened(browser)
    yield window
    window.close()


@pytest.fixture
def opened(desktop: Window, window: Callable[..., Window], tmp_path: Path) -> Iterator[Callable[..., Tab]]:
    """Opens a page; after the test the console must be empty, and only the page itself have been asked for."""
    file = tmp_path / "report.html"
    windows: list[Window] = []

    def open_page(page: Page, width: int = 1280) -> Tab:
        if width < PHONE:
            shown = window(width)
        else:
            shown = desktop
            shown.reset(width)
        windows.append(shown)
        file.write_text(render(page), encoding="utf-8")
        shown.page.goto(file.as_uri())
        return shown.page

    yield open_page
    for shown in windows:
        assert shown.complaints() == []
        assert shown.requests() == [file.as_uri()]
