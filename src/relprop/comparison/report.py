"""Tables of compared runs: on the terminal, as Markdown and as JSON."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relprop.comparison.pairs import PairedScore, compare
from relprop.comparison.runs import ScoredRun
from relprop.resuming import write_json
from relprop.statistics import holm

log = logging.getLogger(__name__)

ARROWS = {"higher": " ↑", "lower": " ↓", "neither": ""}
ORIGIN = ("git_commit", "device")  # of a run; said where it differs


@dataclass(frozen=True)
class Pair:
    """Two runs by name, their scores, and the p of each corrected for all tests of the report (Holm 1979)."""

    first: str
    second: str
    scores: Mapping[str, PairedScore]
    holm_p: Mapping[str, float]

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        scores = {name: {**asdict(score), "holm_p": self.holm_p[name]} for name, score in self.scores.items()}
        return {"first": self.first, "second": self.second, "scores": scores}


def compare_runs(runs: Sequence[ScoredRun], seed: int, folder: Path) -> None:
    """Compare the first run with each of the others; print tables, write `comparison.json` and `comparison.md`."""
    pairs = _pairs(runs, seed)
    comparison = {
        "difference": "first - second",
        "seed": seed,
        "runs": [
            {"name": run.name, "folder": str(run.folder), **{key: run.summary.get(key) for key in ORIGIN}}
            for run in runs
        ],
        "comparisons": [pair.plain() for pair in pairs],
    }
    note = _note(runs[0], pairs)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(comparison, folder / "comparison.json")
    (folder / "comparison.md").write_text("\n".join([*map(_markdown, pairs), f"{note}.\n"]), encoding="utf-8")
    for pair in pairs:
        Console().print(_table(pair))
    log.info(note)
    for key in ORIGIN:
        if len({run.summary.get(key) for run in runs}) > 1:
            log.info("%s differs: %s", key, "; ".join(f"{run.name} {run.summary.get(key)}" for run in runs))
    log.info("tables: %s", folder / "comparison.md")


def _pairs(runs: Sequence[ScoredRun], seed: int) -> list[Pair]:
    first, *others = runs
    compared = [compare(first.rows, other.rows, first.better, seed, (first.name, other.name)) for other in others]
    corrected = iter(holm([score.p for scores in compared for score in scores.values()]))
    return [
        Pair(first.name, other.name, scores, {name: next(corrected) for name in scores})
        for other, scores in zip(others, compared, strict=True)
    ]


def _note(run: ScoredRun, pairs: Sequence[Pair]) -> str:
    """What the numbers are."""
    measured = [run.settings.get(key) for key in ("dataset.name", "model.name", "metric.name")]
    measured.append(run.summary.get("protocol"))
    tests = sum(len(pair.scores) for pair in pairs)
    return (
        f"{len(run.rows)} images; {', '.join(str(name) for name in measured if name)}; ±: standard deviation over "
        "images; difference: the first minus the second, with its paired 95 % bootstrap interval; p: Wilcoxon "
        f"signed-rank test, two-sided, in brackets corrected by Holm for the {tests} tests made here"
    )


def _cells(pair: Pair) -> list[list[str]]:
    """Header and lines of the table; a cell's second line is what stands behind its number."""
    header = ["", "first", "second", "difference\n[95 % interval]", "p\n(Holm)", "first\nbetter"]
    return [header, *(_line(name, score, pair.holm_p[name]) for name, score in pair.scores.items())]


def _line(name: str, score: PairedScore, holm_p: float) -> list[str]:
    digits = ".4f" if max(abs(side["mean"] or 0) for side in (score.first, score.second)) >= 1e-2 else ".3g"
    interval = score.difference["interval"]
    bounds = "" if interval is None else f"\n[{', '.join(format(bound, digits) for bound in interval)}]"
    asides = [("equal", score.equal), ("undefined", score.undefined / (score.n + score.undefined))]
    return [
        f"{name}{ARROWS[score.better]}",
        *(_mean_and_std(statistics, digits) for statistics in (score.first, score.second)),
        _formatted(score.difference["mean"], f"+{digits}") + bounds,
        f"{score.p:.2g}\n({holm_p:.2g})",
        _percent(score.first_better) + "".join(f"\n({_percent(share)} {what})" for what, share in asides if share),
    ]


def _mean_and_std(statistics: Mapping[str, Any], digits: str) -> str:
    std = "" if statistics["std"] is None else f"\n± {statistics['std']:{digits}}"
    return _formatted(statistics["mean"], digits) + std


def _formatted(value: float | None, digits: str) -> str:
    return "–" if value is None else format(value, digits)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _table(pair: Pair) -> Table:
    header, *lines = _cells(pair)
    table = Table(title=Text(f"first: {pair.first}\nsecond: {pair.second}"), show_lines=True)
    for name in header:
        table.add_column(Text(name), overflow="fold")
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def _markdown(pair: Pair) -> str:
    header, *lines = [[cell.replace("\n", " ") for cell in line] for line in _cells(pair)]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *lines])
    return f"## {pair.first} (first) against {pair.second} (second)\n\n{rows}\n"
