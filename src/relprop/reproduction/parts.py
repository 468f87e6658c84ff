"""What comes of a table: itself, its figures, and its sections of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from matplotlib.figure import Figure

from relprop.report import Section
from relprop.reproduction.assembling import assemble
from relprop.reproduction.figures import figures_of
from relprop.reproduction.galleries import curves_of, galleries_of
from relprop.reproduction.notes import footer
from relprop.reproduction.paper import Paper, TableSpec, networks_of
from relprop.reproduction.plan import Plan
from relprop.reproduction.results import Results
from relprop.tables import Table
from relprop.visualization import figure_to_png


@dataclass(frozen=True)
class Part:
    """A table, its figures by name, the sections of the report on it, and every single value for other programs.

    `pictures` are the figures as PNG files have them.
    """

    name: str
    table: Table
    figures: Mapping[str, Figure] = field(default_factory=lambda: MappingProxyType({}))
    pictures: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    sections: Sequence[Section] = ()
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def part_of(paper: Paper, name: str, spec: TableSpec, plan: Plan) -> Part:
    """The table `name` of a paper from its cells."""
    results, networks = Results(name, spec, plan), networks_of(paper, spec)
    figures, pictures, sections = dict[str, Figure](), dict[str, bytes](), []
    for network in networks:
        drawn = figures_of(results, network)
        shown = {kind: figure_to_png(figure) for kind, figure in drawn.items()}
        sections.append(_section(paper, results, network, shown))
        figures |= {f"{slug(network)}_{kind}": figure for kind, figure in drawn.items()}
        pictures |= {f"{slug(network)}_{kind}": picture for kind, picture in shown.items()}
    return Part(name, _table(paper, results, networks), figures, pictures, sections, {"cells": _facts(results)})


def slug(text: str) -> str:
    """A name for files: "ImageNet, ResNet-50" becomes "imagenet_resnet-50"."""
    return "".join(sign if sign.isalnum() or sign == "-" else "_" for sign in text.lower().replace(", ", "_"))


def _table(paper: Paper, results: Results, networks: Sequence[str]) -> Table:
    return assemble(results, networks, " ".join(footer(paper, results, networks)))


def _section(paper: Paper, results: Results, network: str, pictures: Mapping[str, bytes]) -> Section:
    return Section(
        f"{results.name.replace('_', ' ').capitalize()}, {network}",
        _table(paper, results, [network]),
        curves_of(results, network),
        galleries_of(results, network),
        pictures,
    )


def _facts(results: Results) -> list[dict[str, Any]]:
    """Every cell: where it stands, its folder, and what has come out."""
    return [
        {**vars(place), "folder": str(task.folder), "summary": task.summary if task.done else None}
        for place, task in results.plan.cells.items()
        if place.table == results.name
    ]
