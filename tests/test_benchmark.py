import dataclasses

import pytest

from relprop.benchmark import CASES, MEMORY_FORMATS, measure


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_a_row_says_what_both_sides_were(memory_format: str) -> None:
    small = dataclasses.replace(CASES["lrp/resnet50/flows_skip"], model="resnet18", batch=1)
    row = measure(small, memory_format, repeats=2)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert row["ratio_range"][0] <= row["ratio_range"][1]
    assert row["images_per_second"] == pytest.approx(1 / row["seconds"])
    assert (row["baseline"], row["memory_format"], row["repeats"]) == ("input gradient", memory_format, 2)
