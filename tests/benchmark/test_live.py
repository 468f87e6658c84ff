"""Rows of real time, of a small network and a short video."""

import json
from dataclasses import replace

import pytest

from relprop.benchmark import ALL_CASES, LiveCase, live, measure_live, select

CASES = [case for case in ALL_CASES.values() if isinstance(case, LiveCase)]


def test_there_is_a_case_for_the_newest_frame_and_for_every_one() -> None:
    assert [case.name for case in CASES] == ["live/resnet18", "live/resnet18/every_frame"]
    assert {case.batch for case in select("live/*", 8, has_cuda=False)[0]} == {1}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_row_is_consistent(case: LiveCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SECONDS", 0.2)
    row = measure_live(replace(case, model="resnet20", image_size=32), "contiguous", repeats=2)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert row["images_per_second"] == pytest.approx(1 / row["seconds"])
    assert row["baseline_seconds"] == min(side["seconds"] for side in row["others"].values())
    assert row["others"][row["baseline"]]["ratio"] == 1
    assert row["ratio_range"][0] <= row["ratio"] <= row["ratio_range"][1]
    assert row["every_frame"] == case.every_frame
    least = 0.2 / 6 if not case.every_frame else 0.0  # of six frames no more than six can be explained
    assert row["seconds"] > 0.9 * least
    assert json.loads(json.dumps(row)) == row
