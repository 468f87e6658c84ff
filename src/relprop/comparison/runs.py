"""Finished runs that scored a method: read their folders, name them, refuse those that measured different things.

Imports neither torch nor scipy, so that what is wrong with a folder is said at once.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from relprop.config import flatten
from relprop.errors import UserError
from relprop.resuming import ROWS, SUMMARY
from relprop.runs import CONFIG

MEASURED = ("dataset", "model", "metric", "protocol", "target")  # what was scored, and how: the same in all runs
CHOSEN = ("method", "reduction", "postprocess", "seed")  # what gave the heatmaps: may differ, and then names the run
WORKLOAD = {"data_dir", "batch_size", "num_workers", "epochs"}  # where images lie and how many go at once: no matter


@dataclass(frozen=True)
class ScoredRun:
    """One method's scores: the rows of all images, the summary, and the config's values by dotted key.

    `name` is the method with those of its choices that the runs beside it made otherwise.
    """

    folder: Path
    rows: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]
    settings: Mapping[str, Any]
    name: str

    @property
    def better(self) -> Mapping[str, str]:
        """Which direction is better, "higher", "lower" or "neither", by score."""
        better: Mapping[str, str] = self.summary["better"]
        return better


def read_runs(folders: Any) -> list[ScoredRun]:
    """The finished runs in these folders, two or more, that measured the same thing.

    Raises `UserError` if they are too few, the same, not there, unfinished, damaged, or of different data sets,
    networks, metrics or protocols.
    """
    if not isinstance(folders, Sequence) or isinstance(folders, str) or len(folders) < 2:
        raise UserError(
            f"runs={'null' if folders is None else folders} is not valid; name the folders of two or more finished "
            "runs: runs=[outputs/visualize/A,outputs/visualize/B]"
        )
    paths = [Path(str(folder)).expanduser() for folder in folders]
    for i, path in enumerate(paths):
        if path.resolve() in [other.resolve() for other in paths[:i]]:
            raise UserError(f"runs names {path} twice; name each run once")
    runs = [read_run(path) for path in paths]
    for other in runs[1:]:
        _refuse_other_measure(runs[0], other)
    return _named(runs)


def read_run(folder: Path) -> ScoredRun:
    """The finished run in `folder`, named by its method."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; give the folder of a run of visualize.py")
    if not (folder / ROWS).is_file():
        raise UserError(f"{folder} has no {ROWS}; give the folder of a run of visualize.py")
    if not (folder / SUMMARY).is_file():
        raise UserError(f"{folder} has no {SUMMARY}: that run has not finished; start its command again")
    rows, summary = _read_rows(folder / ROWS), _read_summary(folder / SUMMARY)
    settings = _read_settings(folder / CONFIG)
    if len(rows) != summary["n"]:
        raise UserError(
            f"{folder / ROWS} has {len(rows)} rows where {SUMMARY} counts {summary['n']}; start its command again"
        )
    return ScoredRun(folder, rows, summary, settings, name=str(settings["method.name"]))


def _read_rows(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [_parse(line, f"{path}, line {number}", ("index", "target")) for number, line in enumerate(lines, 1)]


def _read_summary(path: Path) -> dict[str, Any]:
    return _parse(path.read_text(encoding="utf-8", errors="replace"), str(path), ("n", "better"))


def _parse(text: str, place: str, keys: Sequence[str]) -> dict[str, Any]:
    """A JSON object that has these keys."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{place} is damaged ({error.msg}); start that run's command again") from error
    missing = [key for key in keys if key not in value] if isinstance(value, dict) else keys
    if missing:
        raise UserError(f"{place} has no {' and no '.join(missing)}; start that run's command again")
    return dict(value)


def _read_settings(path: Path) -> dict[str, Any]:
    """Values of the composed config by dotted key."""
    config = OmegaConf.to_container(OmegaConf.load(path), resolve=True) if path.is_file() else None
    settings = flatten(config) if isinstance(config, dict) else {}
    if "method.name" not in settings:
        raise UserError(f"{path} is missing or names no method; give the folder of a run of visualize.py")
    return settings


def _of(groups: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key.partition(".")[0] in groups}


def _refuse_other_measure(first: ScoredRun, other: ScoredRun) -> None:
    ours, theirs = (_of(MEASURED, run.settings) for run in (first, other))
    differences = [
        f"{key}={_shown(ours.get(key))} against {_shown(theirs.get(key))}"
        for key in {**ours, **theirs}
        if key.rpartition(".")[2] not in WORKLOAD and ours.get(key) != theirs.get(key)
    ]
    if not differences and first.better != other.better:
        differences = [f"scores {', '.join(first.better)} against {', '.join(other.better)}"]
    if differences:
        more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise UserError(
            f"{first.folder} and {other.folder} measured different things: {'; '.join(differences[:3])}{more}; "
            "compare runs that differ in the method only"
        )


def _named(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """The runs, named by method, by those choices that differ between them, and by folder where these do not."""
    chosen = [_of(CHOSEN, run.settings) for run in runs]
    names = [f"{run.name}{''.join(_distinctive(own, chosen))}" for run, own in zip(runs, chosen, strict=True)]
    return [
        replace(run, name=name if names.count(name) == 1 else f"{name} ({run.folder.name})")
        for run, name in zip(runs, names, strict=True)
    ]


def _distinctive(own: Mapping[str, Any], chosen: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The words of `own` that others say otherwise; an option that another method does not have is none of these."""
    for key, value in own.items():
        option = key.removeprefix("method.")
        rivals = [other for other in chosen if option == key or key in other]
        if key != "method.name" and any(other.get(key) != value for other in rivals):
            yield f" {option}={_shown(value)}"


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)
