import json
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch

from relprop.results import device_name, provenance, summarize, write_rows, write_summary


def rows(values: list[float]) -> list[dict[str, float]]:
    return [{"id": value, "other": 0.0} for value in values]


def test_mean_and_std_are_those_of_the_sample() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, 50).tolist()
    summary = summarize(rows(values), ("id",), seed=0)["id"]
    assert summary["mean"] == pytest.approx(statistics.mean(values))
    assert summary["std"] == pytest.approx(statistics.stdev(values))


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    """Of 200 samples of a known distribution about 95 % must have its mean in their interval."""
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        low, high = summarize(rows(generator.normal(1.0, 0.5, 40).tolist()), ("id",), seed=1)["id"]["interval"]
        covered += low <= 1.0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_same_seed_same_interval() -> None:
    values = rows(np.random.default_rng(0).random(20).tolist())
    assert summarize(values, ("id",), seed=3) == summarize(values, ("id",), seed=3)
    assert summarize(values, ("id",), seed=3) != summarize(values, ("id",), seed=4)


def test_one_image_and_equal_images() -> None:
    assert summarize(rows([0.5]), ("id",), seed=0)["id"] == {"mean": 0.5, "std": None, "interval": None}
    assert summarize(rows([0.5, 0.5]), ("id",), seed=0)["id"] == {"mean": 0.5, "std": 0.0, "interval": [0.5, 0.5]}


def test_files_read_back(tmp_path: Path) -> None:
    write_rows(rows([0.1, 0.2]), tmp_path / "results.jsonl")
    assert [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()] == rows([0.1, 0.2])
    write_summary({"n": 2}, tmp_path / "summary.json")
    assert json.loads((tmp_path / "summary.json").read_text()) == {"n": 2}


def test_provenance_names_commit_and_versions() -> None:
    facts = provenance()
    assert set(facts["versions"]) >= {"relprop", "torch", "lightning"}
    commit = facts["git_commit"]
    assert device_name(torch.device("cpu")).startswith("cpu (")
    assert commit is None or len(commit.removesuffix("-dirty")) == 40
