import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser import Window


@pytest.fixture(autouse=True, scope="session")
def _one_thread_per_worker() -> None:
    """pytest-xdist runs one worker per core; more threads than that only fight for them."""
    torch.set_num_threads(1)


@pytest.fixture
def data_dir() -> Path:
    """The folder of the real data sets; tests that ask for it carry the mark `data`."""
    return _folder("RELPROP_DATA")


@pytest.fixture
def weights_dir() -> Path:
    """The folder of the trained weights; tests that ask for it carry the mark `weights`."""
    return _folder("RELPROP_WEIGHTS")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """One for the tests of a file. While Playwright runs, its event loop counts as running in the tests' thread:
    were the browser kept any longer, tests elsewhere could start no loop of their own."""
    from tests.browser import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def window(browser: "Browser") -> "Iterator[Callable[..., Window]]":
    """Opens empty windows that know nothing of each other; they are closed after the test."""
    from tests.browser import Window

    windows: list[Window] = []

    def open_window(width: int = 1280, height: int = 800) -> Window:
        windows.append(Window.opened(browser, width, height))
        return windows[-1]

    yield open_window
    for opened in windows:
        opened.close()


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explaining draws empty pictures: the real ones take most of the time of a short run."""

    def blank(*_: object, **__: object) -> Figure:
        return Figure(figsize=(1, 1), dpi=10)

    report = "relprop.callbacks.report"
    monkeypatch.setattr(f"{report}.contact_sheet", blank)
    monkeypatch.setattr(f"{report}.perturbed_sheet", blank)
    from relprop.callbacks.report import PICTURES

    blanks = {name: (column, blank) for name, (column, _) in PICTURES.items()}
    monkeypatch.setattr(f"{report}.PICTURES", blanks)


def _folder(variable: str) -> Path:
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set")
    return Path(os.environ[variable])
