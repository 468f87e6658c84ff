"""Trainings that did not finish, and which of them `ckpt=last` continues. Imports no torch: Hydra asks at its start."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from relprop.config import leaves
from relprop.errors import UserError
from relprop.resuming import NOTE, SUMMARY, describe, is_held, register_folder_resolver, write_json
from relprop.runs import BEST, CONFIG, LAST

log = logging.getLogger(__name__)

WORD, JOB, METRICS = "last", "train", "csv/metrics.csv"
# What may differ from the run that is continued: it does not change what is trained.
PLACES = ("ckpt", "run_dir", "output_dir")
FREE = (*PLACES, "logger", "trainer.enable_progress_bar")


def register_resolver() -> None:
    """`${training_in:PARENT,NEW}`: the folder of the training that `ckpt=last` continues; else PARENT/NEW."""
    register_folder_resolver("training_in", _asked_for)


def _asked_for(parent: Path, config: DictConfig) -> Path | None:
    if config.ckpt != WORD:
        return None
    try:
        return find(config, [str(word) for word in config.hydra.overrides.task])
    except OmegaConfBaseException:  # whatever is wrong with the config is said by those who use it
        return None


def asks_to_continue(config: DictConfig) -> bool:
    """Whether the command is to go on with a training. Raises `UserError` for a `ckpt` that means nothing to one."""
    if config.ckpt not in (None, WORD):
        raise UserError(
            f"ckpt={config.ckpt} is not valid for training; say ckpt={WORD} to go on with a training that was killed, "
            f"or weights={config.ckpt} to start a new one from these weights"
        )
    return bool(config.ckpt == WORD)


def continued(config: DictConfig, words: Sequence[str]) -> DictConfig:
    """The config of the training that a command with ckpt=last continues, with its `run_dir`.

    `words` are those of the command. If none of them chooses anything but folders, logger and progress bar, it is the
    newest unfinished training whatever its config, else the newest of the same config; with run_dir=FOLDER that one.
    Raises `UserError` if there is none, if it is finished, or if its config is another.
    """
    folder = _meant(config, words)
    if (folder / SUMMARY).exists():
        raise UserError(f"the training in {folder} is finished; leave ckpt={WORD} out to start another")
    theirs = _load(folder)
    if not _chooses_nothing(words) and (difference := _difference(theirs, config)):
        raise _another(folder, difference)
    settled = OmegaConf.create(OmegaConf.to_container(theirs if _chooses_nothing(words) else config, resolve=True))
    assert isinstance(settled, DictConfig)
    for key in {_key(word) for word in words if _is_free(_key(word))}:
        part = "logger" if key.startswith("logger.") else key
        OmegaConf.update(settled, part, OmegaConf.select(config, part), merge=False)
    settled.run_dir, settled.ckpt = str(folder), None
    return settled


def _meant(config: DictConfig, words: Sequence[str]) -> Path:
    """The folder of the training that the command is about: one given or found by then, or the newest."""
    folder = Path(config.run_dir)
    if _note(folder) is not None or (folder / SUMMARY).exists():
        return folder
    if any(_key(word) == "run_dir" for word in words):
        raise UserError(f"{folder} holds no training that could be continued; leave ckpt={WORD} out to start one there")
    found = find(config, words)
    if found is None:
        raise _nothing_to_continue(config)
    return found


def find(config: DictConfig, words: Sequence[str]) -> Path | None:
    """The newest unfinished training below the output folder that the command means and no process is at work on."""
    runs = unfinished(Path(config.output_dir))
    if _chooses_nothing(words):
        return next(iter(runs), None)
    return next((run for run in runs if _difference(_load(run), config) is None), None)


def unfinished(output_dir: Path) -> list[Path]:
    """Folders of trainings below `output_dir` that did not finish and that no process is at work on, newest first."""
    notes = [note for note in (output_dir / JOB).glob(f"**/{NOTE}") if not (note.parent / SUMMARY).exists()]
    newest_first = sorted(notes, key=lambda note: note.stat().st_mtime, reverse=True)
    return [note.parent for note in newest_first if _can_be_continued(note.parent) and not is_held(note.parent)]


def begin(folder: Path, config: DictConfig) -> None:
    """Clear `folder` of an earlier training and note in it that there is one to be finished.

    Checkpoints of a training that has not finished are kept beside, as `last.ckpt.old` and `best.ckpt.old`.
    """
    aborted = _note(folder) is not None and not (folder / SUMMARY).exists()
    (folder / NOTE).unlink(missing_ok=True)
    for path in (folder / LAST, folder / BEST):
        if aborted and path.exists():
            log.warning("%s held another training, which had not finished; its checkpoint is now %s.old", folder, path)
            path.replace(f"{path}.old")
        path.unlink(missing_ok=True)
    (folder / SUMMARY).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(OmegaConf.to_yaml(config, resolve=True), encoding="utf-8")
    write_json({"job": JOB, **describe(config, None)}, folder / NOTE)


def go_on(folder: Path, config: DictConfig) -> None:
    """Note that the training in `folder` is continued now; warn if its numbers can no longer be the same bit by bit.

    What the CSV logger has written is kept beside, since it begins its file anew.
    """
    then, now = _note(folder) or {}, describe(config, None)
    changed = [what for what in ("code", "versions", "python") if then.get(what) != now[what]]
    if changed:
        log.warning(
            "%s: %s changed since this training began; it goes on, but its weights may differ from those that it would "
            "have reached uninterrupted",
            folder,
            " and ".join(changed),
        )
    metrics = folder / METRICS
    if metrics.exists():
        earlier = len(list(metrics.parent.glob("metrics_*.csv")))
        metrics.rename(metrics.with_name(f"metrics_{earlier}.csv"))
    (folder / NOTE).touch()


def forget(folder: Path) -> None:
    """Let nobody continue the training in `folder`."""
    (folder / NOTE).unlink(missing_ok=True)


def how_to_continue(folder: Path) -> str:
    """What to say to a user whose training stopped."""
    if _note(folder) is None:
        return "start it again; it had not begun"
    return f"continue it with 'python scripts/train.py ckpt={WORD} run_dir={folder}'"


def _nothing_to_continue(config: DictConfig) -> UserError:
    runs = unfinished(Path(config.output_dir))
    where = Path(config.output_dir) / JOB
    if not runs:
        return UserError(
            f"there is no unfinished training below {where} that no other process is at work on; "
            f"leave ckpt={WORD} out to start one"
        )
    difference = _difference(_load(runs[0]), config)
    assert difference is not None
    return _another(runs[0], difference)


def _another(folder: Path, difference: tuple[str, str, str]) -> UserError:
    key, theirs, mine = difference
    return UserError(f"the unfinished training in {folder} has {key}={theirs}, not {mine}; {how_to_continue(folder)}")


def _difference(theirs: DictConfig, mine: DictConfig) -> tuple[str, str, str] | None:
    """The first value in which two configs differ that changes what is trained: key, their value, my value."""
    parts = [str(key) for key in mine if key not in ("hydra", "run_dir")]
    one, other = _trained(theirs, parts), _trained(mine, parts)
    for key in (*other, *(key for key in one if key not in other)):
        if one.get(key, "nothing") != other.get(key, "nothing"):
            return key, _shown(one, key), _shown(other, key)
    return None


def _shown(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key, "nothing")
    return "null" if value is None else str(value)


def _trained(config: DictConfig, parts: Sequence[str]) -> dict[str, Any]:
    """Values by dotted key of these parts of a config, but for the `FREE` ones."""
    kept = OmegaConf.masked_copy(config, [part for part in parts if part in config])
    return {key: value for key, value in leaves(kept).items() if not _is_free(key)}


def _chooses_nothing(words: Sequence[str]) -> bool:
    return all(_is_free(_key(word)) for word in words)


def _key(word: str) -> str:
    """The key of a word of the command: "+trainer.max_steps=3" sets "trainer.max_steps"."""
    return word.partition("=")[0].lstrip("+~")


def _is_free(key: str) -> bool:
    return key in FREE or key.startswith("logger.")


def _load(folder: Path) -> DictConfig:
    config = OmegaConf.load(folder / CONFIG)
    if not isinstance(config, DictConfig):
        raise ValueError(f"{folder / CONFIG} holds no config")
    return config


def _can_be_continued(folder: Path) -> bool:
    if _note(folder) is None:
        return False
    try:
        return "trainer" in _load(folder)
    except (OSError, ValueError, YAMLError):  # somebody has deleted or changed its config
        return False


def _note(folder: Path) -> Mapping[str, Any] | None:
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) and note.get("job") == JOB else None
