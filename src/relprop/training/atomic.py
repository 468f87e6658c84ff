"""Checkpoint files that are there whole or not at all."""

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH

from relprop.errors import UserError


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, and moves it there when all of it is on the disk.

    Lightning's own goes through the folder for temporary files: where that is another file system, the last step is a
    copy, which a kill can cut short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`; whenever this is killed, `path` is what it was before, or the new one."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = _part(path)
        try:
            with part.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    def load_checkpoint(self, path: _PATH, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The checkpoint in `path`. Raises `UserError` if it is damaged."""
        try:
            return super().load_checkpoint(path, *args, **kwargs)
        except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            first = str(error).partition("\n")[0]
            raise UserError(f"{path} is damaged ({first}); start again, without ckpt=last") from error


def copy_whole(source: Path, target: Path) -> None:
    """Make `target` the file that `source` is now: by a second name where the file system has them, else by a copy."""
    part = _part(target)
    part.unlink(missing_ok=True)
    try:
        os.link(source, part)
    except OSError:
        shutil.copyfile(source, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
    part.replace(target)


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
