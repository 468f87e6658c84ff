"""Command lines: a Hydra main whose refusals are one line and exit code 1, at once since it imports no torch."""

import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from relprop.config import check_values, explain_refusal
from relprop.errors import UserError
from relprop.resuming import register_resolver
from relprop.rows import FULL

PATH_TROUBLE = (errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, *FULL)
Task = Callable[[DictConfig], None]


def command(name: str, folder: Path) -> Callable[[Task], Callable[[], None]]:
    """Make a function of the composed config `folder/name.yaml` the main function of a script.

    What the user got wrong (a group, key or value of the config, or any `UserError` of the run) ends with one line on
    standard error and exit code 1, without a traceback.
    """

    def decorate(task: Task) -> Callable[[], None]:
        @functools.wraps(task)
        def checked(config: DictConfig) -> None:
            try:
                check_values(config, folder, name)
                task(config)
            except UserError as error:
                _end(str(error))

        register_resolver()
        entry = hydra.main(version_base="1.3", config_path=str(folder), config_name=name)(checked)

        @functools.wraps(task)
        def main() -> None:
            os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands its exceptions on instead of printing them
            try:
                entry()
            except (HydraException, OmegaConfBaseException) as error:
                _end(explain_refusal(error, folder, name))
            except ValueError as error:  # what Hydra raises where a list of options is expected
                if "Config group override" not in str(error):
                    raise
                _end(f"{error}; name what to choose, or [] for none")
            except OSError as error:
                if error.errno not in PATH_TROUBLE:
                    raise
                place = f"{error.filename}: " if error.filename else ""
                _end(f"{place}{error.strerror}; check this path, its permissions and the free space")

        return main

    return decorate


def _end(message: str) -> None:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(1)
