"""Scripts started as a user would."""

import os
import subprocess
import sys
from pathlib import Path

from tests.configs import SCRIPTS


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Standard output and error together, of a command that must succeed."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "RELPROP"))}
    variables |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", **environment}
    result = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def script(name: str, *arguments: str, cwd: Path) -> str:
    return run(sys.executable, str(SCRIPTS / f"{name}.py"), *arguments, cwd=cwd)


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path
