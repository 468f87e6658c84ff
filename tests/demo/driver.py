"""The page in a window, as somebody uses it."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from playwright.sync_api import FilePayload, Locator, expect
from torch import Tensor

from tests.browser import Window, box, texts
from tests.demo.server import Server

GRADIOS_OWN = "warning: Method not implemented."  # twice for each upload: its event stream's end
SOON = 20_000  # ms, on cores that others use, too
WIDTHS = (1280, 390)
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"


@dataclass(frozen=True)
class Row:
    """A class as the page shows it, in percent; `change` is from the clean picture to the painted one."""

    name: str
    percent: float
    change: float | None
    explained: bool


class Driver:
    """Opens the page in `window`, and waits until its first picture is explained."""

    def __init__(self, window: Window, server: Server) -> None:
        self.window, self.page, self.server = window, window.page, server
        self.page.goto(server.url)
        expect(self.page.locator("#maps .card")).to_have_count(1, timeout=SOON)

    def part(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    @contextmanager
    def explained_anew(self) -> Iterator[None]:
        """Waits until what was done has brought another map."""
        before = self.part("maps").locator("img").first.get_attribute("src")
        yield
        expect(self.part("maps").locator("img").first).not_to_have_attribute("src", before or "", timeout=SOON)

    def choose(self, name: str, text: str) -> None:
        """By search, in a list."""
        field = self.part(name).get_by_role("combobox")
        field.click()
        field.fill(text)
        self.part(name).get_by_role("option").filter(has_text=re.compile(rf"(^|\s){re.escape(text)}")).first.click()
        field.blur()

    def methods(self) -> list[str]:
        return texts(self.page, "#maps .card b")

    def wait_for_methods(self, *names: str) -> None:
        expect(self.part("maps").locator(".card b")).to_have_text(list(names), timeout=SOON)

    def head(self) -> str:
        return self.part("classes").locator(".head").inner_text()

    def classes(self) -> list[Row]:
        rows = self.part("classes").locator(".class").all()
        return [
            Row(
                re.sub(r"\s*◂.*", "", row.locator(".name").inner_text()),
                _number(row.locator(".value").inner_text()),
                _number(row.locator(".change").inner_text()) if row.locator(".change").count() else None,
                "explained" in (row.get_attribute("class") or ""),
            )
            for row in rows
        ]

    def sample(self, number: int) -> tuple[Tensor, int]:
        """Its pixels, and its position in the data set."""
        button = self.part("samples").get_by_role("button").nth(number)
        title = button.get_attribute("title") or ""
        return decoded(button.locator("img")), int(re.findall(r"Test image (\d+)", title)[0])

    def choose_sample(self, number: int) -> Tensor:
        with self.explained_anew():
            self.part("samples").get_by_role("button").nth(number).click()
        return self.sample(number)[0]

    def give(self, photo: Path | FilePayload) -> None:
        self.part("photo").locator("input[type=file]").set_input_files(photo)

    def map(self, method: str, kind: str = ".map") -> Tensor:
        """The pixels of a heatmap's picture."""
        return decoded(self.part("maps").locator(f"[data-method='{method}'] {kind}"))

    def spot(self, row: float, column: float) -> tuple[float, float]:
        """Where the middle of a square of the easel lies in the window."""
        canvas = self.part("easel").locator("canvas")
        canvas.scroll_into_view_if_needed()
        place, size, side = box(canvas), 32, int(self.part("easel").locator("select").input_value())
        zoom = place["width"] / size * side
        return place["x"] + (column + 0.5) * zoom, place["y"] + (row + 0.5) * zoom

    def paint(self, *squares: tuple[int, int], paint: str = "black") -> None:
        """With the pointer, over all squares at one go; then it goes away."""
        self.part("easel").get_by_role("button", name=paint).click()
        self.page.mouse.move(*self.spot(*squares[0]))
        self.page.mouse.down()
        for square in squares[1:]:
            self.page.mouse.move(*self.spot(*square), steps=4)
        self.page.mouse.up()
        self.page.mouse.move(1, 1)

    def easel(self) -> Tensor:
        """The pixels of the picture that lies there, (3, 32, 32)."""
        uri = self.part("easel").locator("canvas").evaluate("canvas => canvas.toDataURL()")
        shown = _from_uri(uri)
        zoom = shown.shape[-1] // 32
        return shown[:, zoom // 2 :: zoom, zoom // 2 :: zoom]

    def told(self) -> Locator:
        """What the page says went wrong."""
        return self.page.get_by_test_id("toast-body")

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def keep(self, name: str, folder: Path) -> None:
        """A picture of the whole page, to be looked at by people."""
        self.page.screenshot(path=folder / f"{name}.png", full_page=True)

    def check(self) -> None:
        """Nothing has been said on the console, and nobody else was asked."""
        assert [line for line in self.window.complaints() if line != GRADIOS_OWN] == []
        assert [url for url in self.window.requests() if not url.startswith(f"{self.server.url}/")] == []


def decoded(image: Locator) -> Tensor:
    """The pixels that an image's own address holds, uint8 (3, H, W)."""
    return _from_uri(image.get_attribute("src") or "")


def _from_uri(uri: str) -> Tensor:
    with Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2]))) as picture:
        return torch.from_numpy(np.array(picture.convert("RGB"))).movedim(-1, 0)


def _number(text: str) -> float:
    return float(text.replace("−", "-").replace("%", "").strip())
