"""How a run ends that was stopped, or refused after Hydra has made its folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.configs import CONF

ENDING = """
from pathlib import Path
from relprop.cli import command
from relprop.errors import UserError
from relprop.stopping import StoppedError
from relprop.unfinished import register_resolver

register_resolver()

@command("train", Path({conf!r}))
def main(config):
    {body}

main()
"""


def ended(body: str, cwd: Path, *words: str) -> tuple[int, str]:
    """Exit code and errors of a command that does `body`."""
    code = ENDING.format(conf=str(CONF), body=body)
    result = subprocess.run([sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, check=False)
    return result.returncode, result.stderr


@pytest.mark.parametrize("error", ["UserError", "StoppedError"])
def test_a_refused_and_a_stopped_run_end_by_one_line_and_leave_no_folder(error: str, tmp_path: Path) -> None:
    body = f"assert Path(config.run_dir).is_dir(); raise {error}('this is why')"
    assert ended(body, tmp_path) == (1, "error: this is why\n")
    assert list(tmp_path.glob("outputs/*/*")) == []


def test_what_a_run_has_written_stays(tmp_path: Path) -> None:
    body = "(Path(config.run_dir) / 'half').touch(); raise UserError('this is why')"
    assert ended(body, tmp_path) == (1, "error: this is why\n")
    assert len(list(tmp_path.glob("outputs/*/*/half"))) == 1


def test_the_working_directory_stays(tmp_path: Path) -> None:
    assert ended("raise UserError('this is why')", tmp_path, "hydra.run.dir=.")[0] == 1
    assert tmp_path.is_dir()
