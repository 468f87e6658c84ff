"""Command lines: a Hydra main whose refusals are one line and exit code 1, at once since it imports no torch."""

import errno
import functools
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from relprop.announcing import LOST, announce_end, announce_folder, announced_folder, end_announced, first_has_ended
from relprop.config import check_values, explain_refusal
from relprop.errors import UserError
from relprop.processes import (
    end_with_parent,
    first,
    is_lost_process,
    launcher,
    rank,
    refuse_other_number,
    started,
)
from relprop.resuming import register_resolver
from relprop.rows import FULL
from relprop.sentences import hydra_word
from relprop.stopping import StoppedError
from relprop.unfinished import JOB, WORD

PATH_TROUBLE = (errno.EACCES, errno.EROFS, errno.ENOENT, errno.ENOTDIR, *FULL)
UNFINISHED = ("UncompletedJobError", "FailedJobError")  # submitit's, which may be missing
Task = Callable[[DictConfig], None]


def command(
    name: str, folder: Path, flags: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Task], Callable[[], None]]:
    """Make a function of the composed config `folder/name.yaml` the main function of a script.

    `flags` are words of the command line that stand for others, as "--dry-run" for "dry_run=true".

    What the user got wrong (a group, key or value of the config, or any `UserError` of the run) ends with one line on
    standard error and exit code 1, without a traceback. Of several processes of one run, whoever has started them, all
    take the folder of the first, which alone says what is wrong.
    """

    def decorate(task: Task) -> Callable[[], None]:
        @functools.wraps(task)
        def checked(config: DictConfig) -> None:
            try:
                if not first():
                    _be_silent()
                check_values(config, folder, name)
                if "trainer" in config and not (name == JOB and config.ckpt == WORD):  # whose own trainer counts
                    refuse_other_number(config.trainer)
                if first() and HydraConfig.get().mode == RunMode.RUN:
                    announce_folder(Path(HydraConfig.get().runtime.output_dir))
                task(config)
            except (UserError, StoppedError) as error:
                if _runs_elsewhere():
                    raise _of_a_sweep(error) from None
                _end(str(error), Path(HydraConfig.get().runtime.output_dir))
            except RuntimeError as error:
                if not is_lost_process(error):
                    raise
                _end(LOST)

        register_resolver()
        entry = hydra.main(version_base="1.3", config_path=str(folder), config_name=name)(checked)

        @functools.wraps(task)
        @end_announced()
        def main() -> None:
            sys.argv[1:] = [flags.get(word, word) for word in sys.argv[1:]]
            os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands its exceptions on instead of printing them
            try:
                if not first():
                    _join_first()
                entry()
            except (UserError, StoppedError) as error:
                _end(str(error))
            except (HydraException, OmegaConfBaseException) as error:
                _end(explain_refusal(error, folder, name))
            except RuntimeError as error:
                if type(error).__name__ not in UNFINISHED:
                    raise
                _end(f"a run of the sweep has not finished: {str(error).partition('Error stream')[0]}")
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


def _join_first() -> None:
    """Take the folder of the first process, and end with it. Lightning has told it to those that it starts."""
    if launcher() != "srun":
        end_with_parent()
    if started() == 1:
        return
    sys.argv += [hydra_word("hydra.run.dir", str(announced_folder())), "hydra.output_subdir=null"]


def _be_silent() -> None:
    """What is said by all processes alike is said by the first."""
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")


def _runs_elsewhere() -> bool:
    """Whether this is a run of a sweep that is not in the process, nor on the terminal, of the command."""
    return HydraConfig.get().mode == RunMode.MULTIRUN and HydraConfig.get().runtime.choices["hydra/launcher"] != "basic"


def _of_a_sweep(error: UserError | StoppedError) -> UserError:
    """For the log of the run, and for the command, which says the first of the errors that its runs raise."""
    job = HydraConfig.get().job
    logging.getLogger(__name__).error("error: %s", error)
    return UserError(f"run {job.num} of the sweep: {error}")


def _end(message: str, folder: Path | None = None) -> NoReturn:
    """End the process by one line; the `folder` that Hydra made for the run goes if the run has not begun."""
    if first():
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        announce_end(1)
        _remove_unused(folder)
    elif first_has_ended():
        _remove_unused(folder)
    else:
        print(f"error: in process {rank()}: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(1)


def _remove_unused(folder: Path | None) -> None:
    """Remove a folder in which there is nothing but the config as Hydra writes it."""
    if folder is not None and folder != Path.cwd() and [path.name for path in folder.glob("*")] in ([], [".hydra"]):
        shutil.rmtree(folder, ignore_errors=True)
