"""What takes the time: frames per second, and trainings in several number formats; each has a process of its own."""

import csv
import json
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from relprop.reproduction.forecast import Forecast, in_words
from relprop.reproduction.outcomes import Outcome
from relprop.reproduction.reproducing import reproduce
from tests.configs import CONF
from tests.reproduction.fakes import fake
from tests.reproduction.papers import asked

SPEED = {"caption": "Speed.", "model": "resnet20", "composite": "fischer2021", "filters": [0.05]}
TRAIN = ["dataset=digits", "model=resnet20", "dataset.epochs=1", "+trainer.limit_train_batches=1"]
STUDY = {"caption": "Formats.", "train": TRAIN, "precisions": ["32-true", "16-mixed"], "seeds": [0], "images": 3}
PAPER: dict[str, Any] = {
    "name": "measured",
    "title": "Measured",
    "speed": {"speed": {**SPEED, "image_size": 32, "repeats": 3}},
    "precision": {"formats": STUDY},
}


@pytest.mark.slow
def test_speed_and_precision_are_tables_like_others(tmp_path: Path) -> None:
    reproduce(asked(tmp_path, PAPER, "jobs=1"), CONF)
    results = tmp_path / "results"
    rows = list(csv.DictReader((results / "speed.csv").read_text().splitlines()))
    assert [row["relevance kept"] for row in rows] == ["5 %"]
    cells = json.loads((results / "results.json").read_text())["speed"]["cells"]
    for row, cell in zip(rows, cells, strict=True):
        measured = [json.loads(line) for line in (Path(cell["folder"]) / "results.jsonl").read_text().splitlines()]
        assert len(measured) == 3
        frames = [1 / each["seconds"] for each in measured]
        assert float(row["frames per second mean"]) == pytest.approx(mean(frames))
    (trained,) = list(csv.DictReader((results / "formats.csv").read_text().splitlines()))[:1]
    assert (trained["precision"], trained["seeds"]) == ("32-true", "1")
    assert "16-mixed" in (results / "formats.md").read_text()  # which a CPU does not have
    assert "Formats." in (results / "report.html").read_text()


def test_a_study_without_images_is_not_here(tmp_path: Path) -> None:
    study = {**STUDY, "train": ["dataset=cifar10", "model=resnet20"]}
    (tmp_path / "data" / "cifar10").mkdir(parents=True)
    config = asked(tmp_path, {**PAPER, "speed": {}, "precision": {"formats": study}}, f"data_dir={tmp_path}/data")
    reproduce(config, CONF)
    assert "not here: formats: The folder" in (tmp_path / "results" / "formats.md").read_text()


def test_forecast_takes_the_nearest_kind_and_shares_among_jobs(tmp_path: Path) -> None:
    tasks = [fake(tmp_path, label) for label in ("r20 lrp 1", "r20 rise", "r56 lrp", "r20 lrp 2")]
    forecast = Forecast(tasks, jobs=2)
    assert forecast.seconds() is None
    assert forecast.left() == ""
    forecast.take(tasks[0], Outcome("done", 10))
    assert forecast.seconds() == 3 * 10 / 2  # of all that is known
    forecast.take(tasks[2], Outcome("done", 100))
    assert forecast.seconds() == (10 + 10) / 2  # rise as the same network, lrp as lrp on it
    forecast.take(tasks[1], Outcome("failed", 1))
    assert forecast.left() == "about 5 s left"


def test_durations_in_words() -> None:
    assert [in_words(seconds) for seconds in (0.4, 59.6, 3725, 7200)] == ["0 s", "1 min 0 s", "1 h 2 min", "2 h 0 min"]
