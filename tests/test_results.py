import statistics

import numpy as np
import pytest
import torch

from relprop.results import device_name, summarize


def rows(values: list[float]) -> list[dict[str, float]]:
    return [{"id": value, "other": 0.0} for value in values]


def test_mean_and_std_are_those_of_the_sample() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, 50).tolist()
    summary = summarize(rows(values), {"id": "higher"}, seed=0)["id"]
    assert summary["mean"] == pytest.approx(statistics.mean(values))
    assert summary["std"] == pytest.approx(statistics.stdev(values))


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    """Of 200 samples of a known distribution about 95 % must have its mean in their interval."""
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        low, high = summarize(rows(generator.normal(1.0, 0.5, 40).tolist()), {"id": "higher"}, seed=1)["id"]["interval"]
        covered += low <= 1.0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_same_seed_same_interval() -> None:
    values = rows(np.random.default_rng(0).random(20).tolist())
    assert summarize(values, {"id": "higher"}, seed=3) == summarize(values, {"id": "higher"}, seed=3)
    assert summarize(values, {"id": "higher"}, seed=3) != summarize(values, {"id": "higher"}, seed=4)


def test_one_image_and_equal_images() -> None:
    assert summarize(rows([0.5]), {"id": "higher"}, seed=0)["id"] == {
        "mean": 0.5,
        "std": None,
        "interval": None,
        "worst": 0.5,
    }
    assert summarize(rows([0.5, 0.5]), {"id": "higher"}, seed=0)["id"] == {
        "mean": 0.5,
        "std": 0.0,
        "interval": [0.5, 0.5],
        "worst": 0.5,
    }


def test_undefined_scores_are_left_out_and_counted() -> None:
    values = [0.5, 0.25, 0.75]
    summary = summarize([*rows(values), {"id": None}, {"id": None}], {"id": "higher"}, seed=0)["id"]
    assert summary == {**summarize(rows(values), {"id": "higher"}, seed=0)["id"], "undefined": 2}
    assert summarize([{"id": None}], {"id": "higher"}, seed=0)["id"] == {
        "mean": None,
        "std": None,
        "interval": None,
        "worst": None,
        "undefined": 1,
    }


def test_device_has_a_name() -> None:
    assert device_name(torch.device("cpu")).startswith("cpu (")


def test_worst_is_by_the_direction_of_the_score() -> None:
    values = rows([0.2, 0.9, 0.5])
    worst = {name: summarize(values, {"id": name}, seed=0)["id"]["worst"] for name in ("higher", "lower", "neither")}
    assert worst == {"higher": 0.2, "lower": 0.9, "neither": None}
