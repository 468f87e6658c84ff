import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from relprop.report import Page
from tests.report.opened import Opened

# A container has neither the sandbox's rights nor much shared memory, and often no GPU.
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
    *("--disable-background-networking", "--disable-component-update", "--no-first-run", "--hide-scrollbars"),
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """One browser for all tests; nothing is downloaded for it."""
    browser, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no browser is installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    try:
        yield chrome
    finally:
        chrome.quit()


@pytest.fixture
def opened(chromium: webdriver.Chrome, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Opens a page; after the test the console must be empty, and only the page itself have been asked for."""
    pages: list[Opened] = []

    def open_page(page: Page, width: int = 1280) -> Opened:
        pages.append(Opened.page(chromium, page, tmp_path, width))
        return pages[-1]

    yield open_page
    for page in pages:
        assert page.complaints() == []
        assert page.requests() == [(tmp_path / "report.html").as_uri()]
