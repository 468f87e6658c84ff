"""Figures get the numbers of their cells; what cannot be drawn is said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from relprop.errors import UserError
from relprop.reproduction import figures
from relprop.reproduction.paper import TableSpec
from relprop.reproduction.plan import Place, Plan
from relprop.reproduction.results import Results
from tests.reproduction.fakes import fake

MEANS = {("0.1", "1"): 0.5, ("0.1", "2"): 0.25, ("50 %", "1"): 0.75}  # one cell has failed


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Scores by rows and columns that are numbers."""
    plan = Plan()
    for row in ("0.1", "50 %"):
        for column in ("1", "2"):
            task = fake(tmp_path, f"{row} {column}".replace(" ", "_"))
            task.folder.mkdir()
            if (row, column) in MEANS:
                mean = MEANS[row, column]
                score = {"mean": mean, "std": 0.1, "interval": [mean - 0.05, mean + 0.05]}
                (task.folder / "summary.json").write_text(json.dumps({"id": score, "better": {"id": "higher"}, "n": 3}))
            plan.cells[Place("grid", "net", row, column)] = task
    spec = TableSpec("A grid.", {"0.1": [], "50 %": []}, ["id"], {"1": [], "2": []}, row_name="γ", column_name="ε")
    return Results("grid", spec, plan)


def drawn(results: Results, kind: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """What the function that draws is given."""
    given: list[tuple[Any, ...]] = []

    def draw(*arguments: Any) -> Figure:
        given.append(arguments)
        return Figure()

    for name in ("score_grid", "score_lines", "score_intervals", "rank_comparison"):
        monkeypatch.setattr(figures, name, draw)
    results.spec.figures[:] = [kind]
    assert list(figures.figures_of(results, "net")) == [kind]
    return given[0]


def test_grid(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    values, rows, columns, *names = drawn(results, "grid", monkeypatch)
    np.testing.assert_array_equal(values, [[0.5, 0.25], [0.75, np.nan]])
    assert (rows, columns) == ([0.1, 0.5], [1.0, 2.0])
    assert names == ["γ", "ε", "ID", "higher", "net. A grid."]


def test_lines(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    x, panels, *_ = drawn(results, "lines", monkeypatch)
    assert x == [0.1, 0.5]
    first, last = (0.5, 0.45, 0.55), (0.75, 0.7, 0.8)
    assert panels["ID"]["1"] == [pytest.approx(first), pytest.approx(last)]
    assert panels["ID"]["2"][1] is None


def test_intervals_and_ranks(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, columns, *_ = drawn(results, "intervals", monkeypatch)
    assert labels == ["0.1", "50 %"]
    assert columns["2"] == [pytest.approx((0.25, 0.2, 0.3)), None]
    scores, protocols, *_ = drawn(results, "ranks", monkeypatch)
    assert scores == {"0.1": (0.5, 0.25), "50 %": (0.75, None)}
    assert protocols == ("1", "2")


def test_what_cannot_be_drawn_is_said(results: Results) -> None:
    results.spec.figures[:] = ["pie"]
    with pytest.raises(UserError, match="figures=pie is unknown; choose one of: intervals, ranks, sheet, grid"):
        figures.figures_of(results, "net")
    results.spec.figures[:] = ["lines"]
    results.spec.rows["many"] = []
    with pytest.raises(UserError, match="the label 'many' has no number to draw"):
        figures.figures_of(results, "net")
    results.spec.columns.pop("2")
    results.spec.figures[:] = ["ranks"]
    with pytest.raises(UserError, match="ranks compares two columns, and grid has 1"):
        figures.figures_of(results, "net")


def test_a_score_that_the_metric_does_not_have_is_named(results: Results) -> None:
    with pytest.raises(UserError, match=r"tables.grid.scores=idd is unknown; choose one of: id"):
        results.value("net", "0.1", "1", "idd")
