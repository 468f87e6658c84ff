"""The networks that the page offers: each is known to the browser by an id, and to nobody there by its path."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from omegaconf import DictConfig

from relprop.adopting import SHARED
from relprop.errors import UserError
from relprop.resuming import SUMMARY
from relprop.runs import BEST, config_beside, find_checkpoints, network_of
from relprop.sentences import hydra_word

NAMING = ("dataset", "model", "ckpt", "experiment", "weights")  # what a command names a network by
OPTIONS = tuple(f"dataset.{option}" for option in SHARED)  # and those of a data set that its network depends on


@dataclass(frozen=True)
class Listed:
    """A network that can be opened: what the browser calls it, what people read, and the words that name it.

    `file` is its checkpoint; None: torchvision's weights.
    """

    id: str
    label: str
    words: tuple[str, ...]
    file: Path | None = None

    @property
    def version(self) -> int:
        """Another number when the file has been replaced, as a training does. Raises `UserError` if it is gone."""
        try:
            return 0 if self.file is None else self.file.stat().st_mtime_ns
        except OSError:
            raise UserError(f"the checkpoint of {self.label} is gone; choose another network") from None


def list_networks(folder: Path, own: Listed | None) -> list[Listed]:
    """The command's `own` network, if it names one, then all with a checkpoint below `folder`, the newest first."""
    found = map(of_checkpoint, find_checkpoints(folder))
    by_id = {} if own is None else {own.id: own}
    for each in found:
        by_id.setdefault(each.id, each)
    return list(by_id.values())


def is_named(words: Sequence[str]) -> bool:
    """Whether these words of a command name a network."""
    keys = [word.lstrip("+~").partition("=")[0] for word in words]
    return any(key in (*NAMING, *OPTIONS) or key.startswith("model.") for key in keys)


def of_checkpoint(path: Path, words: Sequence[str] = ()) -> Listed:
    """The network of a checkpoint; its label says what is known of its training.

    `words` are those of a command that names it; what they say beside the file is kept.
    """
    file, config = path.resolve(), config_beside(path)
    in_run = file.parent.name == Path(BEST).parent.name
    accuracy = _accuracy(file.parents[1] / SUMMARY) if in_run else None
    name = path.name if config is None else f"{network_of(config)} on {config.dataset.name}"
    right = "" if accuracy is None else f", {100 * accuracy:.1f} % right"
    run = file.parents[1] if in_run else file.parent
    beside = (word for word in _naming(words) if not word.lstrip("+").startswith("ckpt="))
    return Listed(_id(str(file)), f"{name}{right} ({run.name})", (hydra_word("ckpt", str(path)), *beside), file)


def pretrained(config: DictConfig, words: Sequence[str]) -> Listed:
    """The network of a command's config with torchvision's weights; `words` are those of the command."""
    mine = _naming(words)
    return Listed(_id(" ".join(mine)), f"{network_of(config)} on ImageNet (torchvision's weights)", mine)


def find(id: object, networks: Sequence[Listed]) -> Listed:
    """The one with this id. Raises `UserError` for anything else, whatever it is."""
    for each in networks:
        if each.id == id:
            return each
    raise UserError("there is no such network in the list; choose one of those that it has")


def _naming(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(word for word in words if is_named([word]))


def _id(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:12]


def _accuracy(summary: Path) -> float | None:
    """On the test images, if a run's summary is there and says so."""
    try:
        told = json.loads(summary.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    accuracy = told.get("test_accuracy") if isinstance(told, dict) else None
    return accuracy if isinstance(accuracy, float) and 0 <= accuracy <= 1 else None
