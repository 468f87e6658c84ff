"""Cases by name, and what is printed and written of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from relprop.benchmark import ALL_CASES, LRPCase, benchmark, measuring, select
from relprop.benchmark.sides import using_threads
from relprop.errors import UserError


def test_cases_are_chosen_by_name_and_shell_pattern() -> None:
    (case,), _ = select("lrp/vgg16/zplus/batch1", None, has_cuda=False)
    assert case == ALL_CASES["lrp/vgg16/zplus/batch1"]
    chosen, _ = select(["lrp/resnet50/*"], None, has_cuda=True)
    assert chosen == [case for case in ALL_CASES.values() if isinstance(case, LRPCase) and case.model == "resnet50"]


def test_large_batches_need_a_gpu() -> None:
    chosen, left_out = select(None, None, has_cuda=False)
    assert {case.batch for case in left_out} == {64, 16, 1}
    assert [case.name for case in left_out if case.batch == 1] == ["rise/resnet50"]
    assert sorted(case.name for case in (*chosen, *left_out)) == sorted(ALL_CASES)
    assert select(None, None, has_cuda=True) == (list(ALL_CASES.values()), [])


def test_a_batch_makes_cases_equal_that_differ_in_nothing_else() -> None:
    chosen, left_out = select(["lrp/vgg16/epsilon/*"], 2, has_cuda=False)
    assert [case.name for case in chosen] == ["lrp/vgg16/epsilon/batch2"]
    assert left_out == []


def test_unknown_cases_list_the_valid_ones() -> None:
    with pytest.raises(UserError, match=re.escape(f"lrp/vgg17/* is unknown; choose one of: {', '.join(ALL_CASES)}")):
        select(["lrp/vgg17/*"], None, has_cuda=False)


def test_benchmark_prints_and_writes_a_line_per_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(case: LRPCase, *options: Any) -> dict[str, Any]:
        return {"case": case.name, "options": options}

    monkeypatch.setattr(measuring, "MEASURES", {LRPCase: row})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    benchmark("lrp/vgg16/zplus/*", "contiguous", 2, None, tmp_path / "benchmark.jsonl", competitors=False)
    printed = capsys.readouterr()
    chosen, left_out = select("lrp/vgg16/zplus/*", None, has_cuda=False)
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert rows == [{"case": case.name, "options": ["contiguous", 2, False]} for case in chosen]
    assert (tmp_path / "benchmark.jsonl").read_text() == printed.out
    assert printed.err == f"left out, since there is no GPU: {', '.join(case.name for case in left_out)}\n"
    with pytest.raises(UserError, match="need a GPU"):
        benchmark("*/batch64", "contiguous", 2, None, tmp_path / "benchmark.jsonl")


def test_threads_are_torchs_until_the_end() -> None:
    before = torch.get_num_threads()
    with using_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with using_threads(None):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [0, 1.5, "many"])
def test_threads_must_be_a_number_above_zero(threads: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"threads={threads} is not valid"):
        benchmark(None, "contiguous", 1, 1, tmp_path / "benchmark.jsonl", threads=threads)
