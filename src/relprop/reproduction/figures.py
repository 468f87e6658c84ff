"""Figures of a table's cells, by name, as the tables of a paper ask for them."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from matplotlib.figure import Figure

from relprop.errors import UserError
from relprop.registry import choose
from relprop.reproduction.assembling import title_of
from relprop.reproduction.results import Pictures, Results, rows_of
from relprop.tables import Spread
from relprop.visualization import (
    conservation_scatter,
    method_sheet,
    rank_comparison,
    score_grid,
    score_intervals,
    score_lines,
)
from relprop.visualization.scores import Estimate

Drawn: TypeAlias = Iterator[tuple[str, Figure]]


def figures_of(results: Results, network: str) -> dict[str, Figure]:
    """All figures that the table asks for, by name; none where no cell is done."""
    drawn: dict[str, Figure] = {}
    if results.done(network):
        for kind in results.spec.figures:
            drawn |= dict(choose("figures", kind, FIGURES)(results, network))
    return drawn


def _intervals(results: Results, network: str) -> Drawn:
    """Each score of the table's last kind with its 95 % interval, the columns side by side."""
    score = results.spec.scores[-1]
    columns = {
        column or title_of(score): [_estimate(results, network, row, column, score) for row in results.spec.rows]
        for column in results.spec.columns
    }
    if better := results.better(score):
        yield (
            "intervals",
            score_intervals([*results.spec.rows], columns, title_of(score), better, _title(results, network)),
        )


def _ranks(results: Results, network: str) -> Drawn:
    """The rows in the order of the first column, and of the second."""
    score, columns = results.spec.scores[-1], [*results.spec.columns]
    if len(columns) != 2:
        raise UserError(f"figures: ranks compares two columns, and {results.name} has {len(columns)}; leave it out")
    first, second = columns
    means = {
        row: (_mean(results, network, row, first), _mean(results, network, row, second)) for row in results.spec.rows
    }
    if better := results.better(score):
        yield "ranks", rank_comparison(means, (first, second), title_of(score), better, _title(results, network))


def _sheet(results: Results, network: str) -> Drawn:
    """The same images by every row, from its first column."""
    kept = {}
    for row in results.spec.rows:
        if tasks := [task for column in results.spec.columns for task in results.done(network, row, column)]:
            kept[row] = Pictures.read(tasks[0])
    first = next(iter(kept.values()))
    rows = {each["index"]: each for each in rows_of(results.done(network)[0])}
    targets = [rows[index]["target"] for index in first.indices("same")]
    heatmaps = {row: pictures.heatmaps("same") for row, pictures in kept.items()}
    captions = [first.class_names[target] for target in targets]
    yield "sheet", method_sheet(first.images("same"), heatmaps, captions, _title(results, network))


def _grid(results: Results, network: str) -> Drawn:
    """The last score over rows and columns, whose labels are numbers; over rows alone they stand side by side."""
    spec, score = results.spec, results.spec.scores[-1]
    means = [[_mean(results, network, row, column, score) for column in spec.columns] for row in spec.rows]
    values = np.array([[np.nan if value is None else value for value in line] for line in means])
    rows = [_number(row) for row in spec.rows]
    better, title = results.better(score), _title(results, network)
    if better and spec.column_name:
        columns = [_number(column) for column in spec.columns]
        names = (spec.row_name, spec.column_name, title_of(score))
        yield "grid", score_grid(values, rows, columns, *names, better, title)
    elif better:
        yield "grid", score_grid(values.T, [""], rows, "", spec.row_name, title_of(score), better, title)


def _lines(results: Results, network: str) -> Drawn:
    """Every score over the rows, whose labels are numbers, with a line for each column."""
    spec = results.spec
    ordered = sorted(spec.rows, key=_number)
    panels = {
        title_of(score): {
            column or network: [_estimate(results, network, row, column, score) for row in ordered]
            for column in spec.columns
        }
        for score in spec.scores
    }
    better = {title_of(score): way for score in spec.scores if (way := results.better(score))}
    yield (
        "lines",
        score_lines([_number(row) for row in ordered], panels, spec.row_name, _title(results, network), better),
    )


def _scatter(results: Results, network: str) -> Drawn:
    """Relevance at the image against relevance at the start, for each row."""
    for number, row in enumerate(results.spec.rows, 1):
        for task in results.done(network, row)[:1]:
            yield f"scatter-{number}", conservation_scatter(rows_of(task), f"{_title(results, network)} {row}")


def _title(results: Results, network: str) -> str:
    return f"{network}. {results.spec.caption}"


def _estimate(results: Results, network: str, row: str, column: str, score: str) -> Estimate | None:
    value = results.value(network, row, column, score)
    if not isinstance(value, Spread):
        return None
    return (value.mean, *(value.interval or (None, None)))


def _mean(results: Results, network: str, row: str, column: str, score: str | None = None) -> float | None:
    value = results.value(network, row, column, score or results.spec.scores[-1])
    return value.mean if isinstance(value, Spread) else None


def _number(label: str) -> float:
    """Of a label such as "0.25", "50 %", "γ = 0.1"."""
    text = label.rpartition("=")[2].strip()
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise UserError(f"the label '{label}' has no number to draw; say '0.25', '25 %' or 'γ = 0.25'") from None


FIGURES: Mapping[str, Callable[[Results, str], Drawn]] = MappingProxyType(
    {"intervals": _intervals, "ranks": _ranks, "sheet": _sheet, "grid": _grid, "lines": _lines, "scatter": _scatter}
)
