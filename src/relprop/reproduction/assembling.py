"""Tables from cells."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from relprop.reproduction.results import Results
from relprop.tables import Column, Spread, Table, Value

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "id": "ID",
        "auc_morf": "AUC MoRF",
        "auc_lerf": "AUC LeRF",
        "auc_random": "AUC random",
        "srg": "SRG",
        "relative_error": "relative error",
        "frames_per_second": "frames per second",
    }
)

# Of scores that are not shares of one.
FORMATS: Mapping[str, str] = MappingProxyType({"relative_error": ".2g", "frames_per_second": ".3g", "seconds": ".3g"})


def assemble(results: Results, networks: Sequence[str], note: str) -> Table:
    """The table of these networks, one section each if there are several.

    Every column of the paper has its scores, with the published ones beside those that they are to be compared with.
    """
    spec = results.spec
    rows: list[list[Value]] = []
    sections = {}
    for network in networks:
        if len(networks) > 1:
            sections[len(rows)] = network
        rows += [_row(results, network, row) for row in spec.rows]
    columns = [Column(spec.row_name), Column("images"), *_columns(results, rows)]
    return Table(columns, rows, spec.caption, note, sections)


def means_only(table: Table) -> Table:
    """For a screen, on which deviations and intervals would take too much room."""
    rows = [
        [replace(value, std=None, interval=None) if isinstance(value, Spread) else value for value in row]
        for row in table.rows
    ]
    return replace(table, rows=rows)


def title_of(score: str) -> str:
    """What stands over a score."""
    return NAMES.get(score, score.replace("_", " "))


def _row(results: Results, network: str, row: str) -> list[Value]:
    spec, published = results.spec, results.spec.published
    values: list[Value] = [row, _number(results.images(network, row))]
    for column in spec.columns:
        values += [results.value(network, row, column, score) for score in spec.scores]
        if published is not None and column == published.column:
            theirs = published.values.get(network, {}).get(row, {})
            values += [_published(theirs.get(score)) for score in spec.scores]
    return values


def _columns(results: Results, rows: Sequence[Sequence[Value]]) -> list[Column]:
    spec, columns = results.spec, list[tuple[str, str]]()
    for column in spec.columns:
        columns += [(column, score) for score in spec.scores]
        if spec.published is not None and column == spec.published.column:
            columns += [("published", score) for score in spec.scores]
    return [
        Column(title_of(score), _format(score, [row[place] for row in rows]), group, results.better(score))
        for place, (group, score) in enumerate(columns, start=2)
    ]


def _format(score: str, values: Sequence[Value]) -> str:
    """Three digits behind the point, unless all numbers would vanish."""
    means = [abs(value.mean) for value in values if isinstance(value, Spread)]
    return FORMATS.get(score, ".3f" if not means or max(means) >= 0.01 else ".1e")


def _number(text: str | None) -> Value:
    return int(text) if text is not None and text.isdecimal() else text


def _published(value: Any) -> Value:
    """A mean, or a pair of mean and standard deviation."""
    if isinstance(value, list):
        return Spread(value[0], value[1])
    return None if value is None else Spread(float(value), None)
