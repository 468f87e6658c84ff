import re
from typing import Any

import numpy as np
import pytest

from relprop.visualization.curve_rows import CurveRows
from tests.visualization.metric_rows import FRACTIONS, add, make_rows


@pytest.mark.parametrize("prefix", ["", "auc_", "aopc_"])
def test_curves_and_areas_are_those_of_the_rows_in_a_fixed_order(prefix: str) -> None:
    rows = make_rows(3, ("random", "lerf", "morf"), prefix)
    data = CurveRows.read(rows)
    assert (list(data.curves), data.score, data.aopc) == (["morf", "lerf", "random"], "probability", prefix == "aopc_")
    np.testing.assert_array_equal(data.fractions, FRACTIONS)
    for name in data.curves:
        np.testing.assert_array_equal(data.curves[name], [row[f"{name}_curve"] for row in rows])
        np.testing.assert_array_equal(data.areas[name], [row[f"{prefix}{name}"] for row in rows])


@pytest.mark.parametrize(("prefix", "sign"), [("auc_", 1), ("aopc_", -1)])
def test_a_gain_is_positive_where_the_most_relevant_first_fall_faster(prefix: str, sign: int) -> None:
    rows = make_rows(3, ("morf", "random"), prefix)
    data = CurveRows.read(rows)
    assert data.partners == ["random"]
    expected = [sign * (row[f"{prefix}random"] - row[f"{prefix}morf"]) for row in rows]
    np.testing.assert_allclose(data.gain("random"), expected)


@pytest.mark.parametrize("names", [("insertion", "deletion"), ("morf",), ("lerf", "random")])
def test_other_curves_are_compared_with_nothing(names: tuple[str, ...]) -> None:
    data = CurveRows.read(make_rows(3, names))
    assert data.partners == data.crossing == []


def test_rounding_is_no_crossing() -> None:
    rows = make_rows(2, ("morf", "lerf"), "auc_")
    for row in rows:
        row["lerf_curve"] = row["morf_curve"]
    add(rows, "morf_curve", 1e-6)
    assert CurveRows.read(rows).crossing == []
    add(rows, "morf_curve", 0.01)
    assert CurveRows.read(rows).crossing == ["lerf"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"protocol": "otsuki2024"}, r"rows\[1\] and rows\[0\] differ in protocol"),
        ({"fractions": [0.0, 0.1, 0.5, 0.75, 1.0]}, r"rows\[1\] and rows\[0\] differ in fractions"),
        ({"insertion_curve": [0.5] * 4}, r"rows\[1\] has 4 points in insertion_curve and 5 fractions"),
        ({"deletion_curve": [0.5] * 4 + [float("nan")]}, r"rows\[1\] has NaN or infinite values in deletion"),
        ({"insertion": float("nan")}, r"rows\[1\] has NaN or infinite values in insertion"),
        ({"score": "logit"}, r"rows\[1\] and rows\[0\] differ in score"),
        ({"saliency_curve": [0.5] * 5}, r"rows have curves saliency; known are insertion, deletion, morf"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    rows = make_rows(3)
    rows[1].update(change)
    with pytest.raises(ValueError, match=words):
        CurveRows.read(rows)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("fractions", "rows[1] lacks fractions; needed are protocol, fractions, insertion_curve, deletion_curve"),
        ("deletion_curve", "rows[1] lacks deletion_curve; needed are"),
        ("deletion", "rows have no area of every curve: neither insertion, deletion nor auc_insertion, auc_deletion"),
    ],
)
def test_missing_keys_are_refused(key: str, words: str) -> None:
    rows = make_rows(2)
    del rows[1][key]
    with pytest.raises(ValueError, match=re.escape(words)):
        CurveRows.read(rows)


def test_no_rows_no_curves_and_an_unknown_score_are_refused() -> None:
    with pytest.raises(ValueError, match="rows is empty; at least one"):
        CurveRows.read([])
    with pytest.raises(ValueError, match="rows have no curve; they need one or more of insertion_curve, deletion"):
        CurveRows.read(make_rows(2, ()))
    with pytest.raises(ValueError, match=r"score 'margin'; it must be one of probability, logit, log_odds"):
        CurveRows.read(make_rows(2, score="margin"))
