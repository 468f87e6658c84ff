"""Pictures of the page, wide and on a telephone: python -m tests.demo.pictures FOLDER PHOTOGRAPH [words of demo.py]"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, expect

from tests.browser import Window, chromium
from tests.demo.server import serving

WIDTHS = {"page": 1280, "phone": 390}


def main(folder: Path, photograph: Path, *words: str) -> None:
    """Give the page the photograph, paint over a part of it, open the layers, and write page.jpg and phone.jpg."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as outputs, serving(Path(outputs), *words) as server, chromium() as browser:
        for name, width in WIDTHS.items():
            window = Window.opened(browser, width, 900)
            window.page.goto(server.url)
            show(window.page, photograph)
            window.page.screenshot(path=folder / f"{name}.jpg", quality=85, full_page=True)
            window.close()


def show(page: Page, photograph: Path) -> None:
    """The photograph with a blurred part, explained, and the layers below it."""
    expect(page.locator("#maps .card").first).to_be_visible(timeout=60_000)
    page.locator("#photo input[type=file]").set_input_files(photograph)
    expect(page.locator("#classes .head")).to_contain_text("your photograph", timeout=60_000)
    page.locator(".paints button", has_text="blur").click()
    easel = page.locator("#easel canvas")
    easel.scroll_into_view_if_needed()
    box = easel.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.12 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.42 * box["width"], box["y"] + 0.4 * box["height"], steps=12)
    page.mouse.up()
    page.mouse.move(0, 0)
    expect(page.locator("#classes .change").first).to_be_visible(timeout=60_000)
    page.get_by_role("tab", name="Layers").click()
    expect(page.locator("#layers .stop img")).to_be_visible(timeout=60_000)
    page.wait_for_timeout(1000)  # what fades in or out has done so


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).resolve(), *sys.argv[3:])
