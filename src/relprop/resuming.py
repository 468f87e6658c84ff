"""Runs that were killed, and which of them a command continues. Imports no torch: Hydra asks at its start."""

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from relprop.errors import UserError
from relprop.provenance import code_hash, provenance

log = logging.getLogger(__name__)

FILES = ("patterns", "path")  # options of methods that name a file
NOTE, LOCK, ROWS, SUMMARY = "run.json", "run.lock", "results.jsonl", "summary.json"


def register_resolver() -> None:
    """`${unfinished_or:PARENT,NEW}`: the folder in PARENT that the command continues, PARENT/NEW if there is none."""
    register_folder_resolver("unfinished_or", find_unfinished)


def register_folder_resolver(name: str, find: Callable[[Path, DictConfig], Path | None]) -> None:
    """`${name:PARENT,NEW}`: the folder that `find` gives for PARENT and the config, PARENT/NEW if it gives none."""

    def folder(parent: str, new: str, *, _root_: DictConfig) -> str:
        settled = OmegaConf.select(_root_, "hydra.runtime.output_dir")
        if settled is not None:  # asked again, by then from within the run
            return str(settled)
        found = None
        if OmegaConf.is_interpolation(_root_, "run_dir"):  # else the folder has been given by hand
            found = find(Path(parent), _root_)
        return str(found or Path(parent) / new)

    OmegaConf.register_new_resolver(name, folder, replace=True)


def find_unfinished(parent: Path, config: DictConfig) -> Path | None:
    """The newest folder in `parent` whose run this config continues and no process is at work on."""
    folders = sorted((note.parent for note in parent.glob(f"*/{NOTE}")), reverse=True)  # they are named by date
    return next((folder for folder in folders if continues(folder, config) and not is_held(folder)), None)


def continues(folder: Path, config: DictConfig) -> bool:
    """Whether `folder` holds an unfinished run of this config, code and versions, its checkpoint still unchanged."""
    note = _read(folder)
    if note is None or (folder / SUMMARY).exists():
        return False
    try:
        return note["config"] == _command(config) and note == describe(config, noted_checkpoint(folder))
    except OmegaConfBaseException:  # whatever is wrong with the config is said by those who use it
        return False


def noted_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the run in `folder`; None if its weights were downloaded."""
    checkpoint = (_read(folder) or {}).get("checkpoint")
    return Path(checkpoint["path"]) if checkpoint else None


def describe(config: DictConfig, checkpoint: Path | None) -> dict[str, Any]:
    """What makes two runs the same: config, code, versions, and size and time of the checkpoint and other files.

    Not the commit, which an edit of any other file changes.
    """
    origin = {key: value for key, value in provenance().items() if key != "git_commit"}
    given = {option: config.get("method", {}).get(option) for option in FILES}
    files = {option: _identify(Path(str(path)).expanduser()) for option, path in given.items() if path is not None}
    return {
        "config": _command(config),
        **origin,
        "code": code_hash(),
        "checkpoint": _identify(checkpoint),
        "files": files,
    }


def begin(folder: Path, config: DictConfig, checkpoint: Path | None) -> None:
    """Clear `folder` of an earlier run's results and note in it what this run is.

    In this order: whenever it is killed, no rows are taken for those of another run. Rows of a run that has not
    finished are kept beside, as `results.jsonl.old`.
    """
    rows = folder / ROWS
    if rows.exists() and not (folder / SUMMARY).exists():
        log.warning(
            "%s holds rows of another run, of other options, code or weights; they are now %s.old", folder, rows
        )
        rows.replace(f"{rows}.old")
    for path in (rows, folder / SUMMARY, *folder.glob("*.png"), folder / "audit.json", folder / "audit.txt"):
        path.unlink(missing_ok=True)
    write_json(describe(config, checkpoint), folder / NOTE)


def forget(folder: Path) -> None:
    """Let nobody take what is in `folder` for an unfinished run."""
    (folder / NOTE).unlink(missing_ok=True)


class HeldError(UserError):
    """Another process is at work on the folder."""


@contextmanager
def hold(folder: Path, lock: str = LOCK) -> Iterator[None]:
    """Keep other processes from `folder`; raises `HeldError`, a `UserError`, if one of them has it.

    The lock belongs to this process alone, not to the workers that it forks, and ends with it, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / lock).open("w") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise HeldError(f"another process is at work on {folder}; wait for it, or give another run_dir") from None
        except OSError as error:
            log.warning("%s: %s; see to it that no other process works on this folder", file.name, error.strerror)
        yield


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Indented JSON, there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def is_held(folder: Path, lock: str = LOCK) -> bool:
    """Whether another process is at work on `folder`."""
    try:
        with (folder / lock).open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # no such file, or no locks on this file system
        return False
    return False


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and "config" in note else None


def _command(config: DictConfig) -> dict[str, Any]:
    """The config as JSON gives it back, but for Hydra's part and the folder."""
    kept = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("hydra", "run_dir")])
    command: dict[str, Any] = json.loads(json.dumps(OmegaConf.to_container(kept, resolve=True)))
    return command


def _identify(checkpoint: Path | None) -> dict[str, Any] | None:
    if checkpoint is None:
        return None
    try:
        status = checkpoint.stat()
    except FileNotFoundError:
        return {"path": str(checkpoint), "size": None, "mtime_ns": None}
    return {"path": str(checkpoint), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
