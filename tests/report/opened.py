"""A page opened in a browser, and what one does and sees there."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from relprop.report import Page, render

_TEXTS = """[...document.querySelectorAll(arguments[0])]
  .filter((element) => element.getClientRects().length).map((element) => element.innerText.trim())"""


@dataclass(frozen=True)
class Opened:
    """A page in a window of a given size."""

    chrome: Chrome

    @classmethod
    def page(cls, chrome: Chrome, page: Page, folder: Path, width: int = 1280) -> "Opened":
        """The page, written to a folder, from which it is opened with logs that have nothing of an earlier one."""
        file = folder / "report.html"
        file.write_text(render(page), encoding="utf-8")
        opened = cls(chrome)
        opened.resize(width)
        chrome.get("about:blank")
        opened.complaints()
        opened.requests()
        chrome.get(file.as_uri())
        return opened

    def resize(self, width: int) -> None:
        """The window's inner width; narrow ones are those of phones."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def complaints(self) -> list[str]:
        """What has come to the console since the last call: errors, warnings and violations of the policy."""
        return [entry["message"] for entry in self.chrome.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that have been asked for since the last call, but those whose data they hold themselves."""
        events = [json.loads(entry["message"])["message"] for entry in self.chrome.get_log("performance")]
        sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")]

    def all(self, selector: str) -> list[WebElement]:
        return self.chrome.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """Of what is to be seen."""
        return list(self.script(_TEXTS, selector))

    def styles(self, selector: str, name: str) -> list[str]:
        """A computed property of each element."""
        code = "[...document.querySelectorAll(arguments[0])].map((element) => getComputedStyle(element)[arguments[1]])"
        return list(self.script(code, selector, name))

    def script(self, code: str, *arguments: object) -> Any:
        return self.chrome.execute_script(f"return {code}", *arguments)

    def press(self, *keys: str) -> None:
        ActionChains(self.chrome).send_keys(*keys).perform()

    def hover(self, element: WebElement, x: float = 0, y: float = 0) -> None:
        """The pointer over an element, so far from its middle."""
        move = ActionChains(self.chrome, duration=0)
        move.move_to_element_with_offset(element, round(x), round(y)).perform()

    def pixels(self, element: WebElement) -> NDArray[np.uint8]:
        """What the screen shows of an element, (H,W,3)."""
        with Image.open(io.BytesIO(element.screenshot_as_png)) as picture:
            return np.asarray(picture.convert("RGB"))
