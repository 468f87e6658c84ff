"""A real window on a display of its own: Xvfb (Debian's package), which nobody sees."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import run

pytestmark = pytest.mark.slow
pytest.importorskip("tkinter")


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb")
    path = tmp_path_factory.mktemp("display") / "number"
    with path.open("w") as file:
        command = ["Xvfb", "-displayfd", str(file.fileno()), "-screen", "0", "1000x700x24", "-nolisten", "tcp"]
        server = subprocess.Popen(command, pass_fds=[file.fileno()], stderr=subprocess.DEVNULL)
    while not path.read_text().endswith("\n"):
        assert server.poll() is None
        time.sleep(0.02)
    yield f":{path.read_text().strip()}"
    server.terminate()
    server.wait()


@pytest.mark.parametrize(
    "words",
    [
        ("shows_every_picture_as_it_is_drawn",),
        ("closes", "<q>"),
        ("closes", "<Escape>"),
        ("closes", "WM_DELETE_WINDOW"),
        ("lets_out_what_is_raised_within",),
    ],
    ids="-".join,
)
def test_a_window(display: str, words: tuple[str, ...]) -> None:
    said = run(sys.executable, "-m", "tests.live.windows", *words, cwd=Path(__file__).parents[2], DISPLAY=display)
    assert said == "as it should be\n"
