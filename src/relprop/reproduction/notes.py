"""What stands below a table: what its numbers are, and where they come from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from relprop.reproduction.forecast import in_words
from relprop.reproduction.paper import Paper
from relprop.reproduction.results import Results
from relprop.reproduction.tasks import Task

# Of a protocol, what a reader needs beside its name.
CHOICES = ("patch", "ties", "score", "area")


def footer(paper: Paper, results: Results, networks: Sequence[str]) -> list[str]:
    """Sentences: statistics, images, protocols, source of published numbers, commit, versions, device, seed, time."""
    tasks = [task for network in networks for task in results.done(network)]
    sentences = [_statistics(results, networks), *paper.notes]
    if results.spec.published is not None:
        sentences.append(f"Published: {results.spec.published.source}.")
    if not tasks:
        return sentences
    summaries = [task.summary for task in tasks]
    return [*sentences, *_accuracies(results, networks), *_protocols(summaries), *_origin(tasks)]


def _statistics(results: Results, networks: Sequence[str]) -> str:
    several = any(
        len(results.tasks(n, row, next(iter(results.spec.columns)))) > 1 for n in networks for row in results.spec.rows
    )
    over = (
        "trainings, in brackets the 95 % interval by Student's t"
        if several
        else ("images, in brackets the 95 % interval of the mean by bootstrap over images")
    )
    return (
        f"Mean ± sample standard deviation over {over}; best in bold, second best underlined, by the arrow's direction."
    )


def _accuracies(results: Results, networks: Sequence[str]) -> list[str]:
    """How many of the images each network has classified right, where cells say so."""
    first = {network: results.done(network)[0].summary for network in networks if results.done(network)}
    shares = [f"{name} {100 * summary['accuracy']:.1f} %" for name, summary in first.items() if "accuracy" in summary]
    return [f"Classified right, of these images: {', '.join(shares)}."] if shares else []


def _protocols(summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each protocol once, with the choices that tell it from others."""
    said = {
        summary["protocol"]: _choices(summary["protocol_choices"]) for summary in summaries if "protocol" in summary
    }
    return [f"Protocol {name}: {choices}." for name, choices in said.items()]


def _choices(protocol: Mapping[str, Any]) -> str:
    step = f"share {protocol['share']:.3g}" if protocol["step"] is None else f"step {protocol['step']}"
    fills = "/".join(dict.fromkeys(protocol["fills"].values()))
    kept = [f"{key} {protocol[key]}" for key in CHOICES]
    return ", ".join([step, *kept, f"{'with' if protocol['begins'] else 'without'} a point at 0 %", f"hidden: {fills}"])


def _origin(tasks: Sequence[Task]) -> list[str]:
    summaries = [task.summary for task in tasks]
    versions = _each({name: version for s in summaries for name, version in s["versions"].items()}.items())
    seconds = sum({task.key: task.summary["wall_time_seconds"] for task in tasks}.values())
    commit, device, seed = (_all(summaries, key) for key in ("git_commit", "device", "seed"))
    return [
        f"Computed at commit {commit} on {device}, seed {seed}, with {versions}, Python {_all(summaries, 'python')}; "
        f"wall time of the {len(tasks)} cells, one after the other: {in_words(seconds)}."
    ]


def _all(summaries: Sequence[Mapping[str, Any]], key: str) -> str:
    return ", ".join(dict.fromkeys(str(summary[key]) for summary in summaries))


def _each(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {version}" for name, version in pairs)
