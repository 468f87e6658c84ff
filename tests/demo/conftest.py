from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the fast tests need neither a browser nor a server
    from playwright.sync_api import Browser

    from tests.browser import Window
    from tests.demo.driver import Driver
    from tests.demo.server import Server
    from tests.demo.truth import Truth
    from tests.demo.visitor import Visitor


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Server]":
    """The page with two small networks of the digits, for all tests; they leave it as it was."""
    from tests.demo.server import NETWORKS, serving, train_networks

    outputs = tmp_path_factory.mktemp("outputs")
    train_networks(outputs, *NETWORKS)
    with serving(outputs) as started:
        yield started
        uploads = started.uploads
    assert not uploads.exists()  # what visitors have sent does not outlive the page


@pytest.fixture(scope="module")
def browser(server: "Server") -> "Iterator[Browser]":
    """One with a camera that shows a test picture; it begins after the server, and ends before it."""
    from tests.browser import chromium

    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as started:
        yield started


@pytest.fixture(scope="session")
def truth(server: "Server", tmp_path_factory: pytest.TempPathFactory) -> "Truth":
    """Of the ResNet."""
    from tests.demo.truth import Truth

    return Truth.of(server.checkpoint("resnet"), tmp_path_factory.mktemp("truth"))


@pytest.fixture
def opened(server: "Server", window: "Callable[..., Window]") -> "Iterator[Callable[..., Driver]]":
    """The page with the ResNet; after the test the console must be empty, and nobody else have been asked."""
    from tests.demo.driver import Driver

    drivers: list[Driver] = []

    def open_page(width: int = 1280) -> "Driver":
        drivers.append(Driver(window(width), server))
        assert "resnet20" in drivers[-1].head()
        return drivers[-1]

    before = server.log()
    yield open_page
    for driver in drivers:
        driver.check()
    said = server.log().removeprefix(before)
    assert "Traceback" not in said and "WATCHED" not in said, said


@pytest.fixture(scope="module")
def visitor(server: "Server") -> "Visitor":
    """Somebody without a browser, who looks at the ResNet."""
    from tests.demo.visitor import Visitor

    visitor = Visitor(server.url)
    assert visitor.open("resnet").answered
    return visitor


@pytest.fixture
def unharmed(server: "Server", visitor: "Visitor") -> Iterator[None]:
    """After the test: nobody was called, nothing was run, no traceback, and the page answers as before."""
    from tests.demo.server import WATCHED

    before = server.log()
    yield
    said = server.log().removeprefix(before)
    assert WATCHED not in said
    assert "Traceback" not in said, said
    assert visitor.ask("methods", "change").answered
