"""The comparison of number formats: real networks and checkpoints, numbers by hand and by scipy."""

import csv
import json
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from scipy.stats import spearmanr

from relprop import LRP
from relprop.comparison.trainings import read_trainings
from relprop.errors import UserError
from relprop.experiment.building import build_classifier, build_data
from relprop.experiment.precision import between_seeds, spread, study_precisions, to_same_seed
from relprop.models import build_model
from relprop.tables import Table, to_csv, to_markdown
from tests.configs import composed

SEEDS, IMAGES = (0, 1, 2), 10
ACCURACY = {"32-true": (0.98, 0.99, 0.97), "bf16-mixed": (0.9, 0.8, 1.0)}
SECONDS = {"32-true": (4.0, 5.0, None), "bf16-mixed": (1.0, 1.5, 2.0)}


def trained(folder: Path, precision: str, seed: int, **changes: Any) -> Path:
    """A finished training of a network that has learnt nothing yet, as train.py leaves it."""
    run = folder / precision / f"seed{seed}"
    words = [f"{key}={value}" for key, value in changes.items() if "." in key]
    config = composed("train", folder, f"trainer.precision={precision}", f"seed={seed}", f"run_dir={run}", *words)
    data = build_data(config)
    torch.manual_seed(10 * seed + (precision != "32-true"))
    classifier = build_classifier(config, data)
    (run / "checkpoints").mkdir(parents=True)
    content = {"state_dict": classifier.state_dict(), "hyper_parameters": dict(classifier.hparams)}
    torch.save(content, run / "checkpoints" / "best.ckpt")
    (run / "config.yaml").write_text(OmegaConf.to_yaml(config, resolve=True))
    summary = {
        "dataset": data.name,
        "model": config.model.name,
        "epochs": 3,
        "precision": "bf16-mixed" if precision == "16-mixed" else precision,
        "n": 360,
        "test_accuracy": ACCURACY.get(precision, (0.5,) * 3)[seed],
        "seconds_per_epoch": SECONDS.get(precision, (1.0,) * 3)[seed],
        "peak_memory_megabytes": 500.0 + seed,
        "peak_memory_of": "the process",
        "seed": seed,
        "device": "cpu (x86_64, 1 threads)",
        "git_commit": "abc",
        "versions": {"torch": "2"},
    }
    (run / "summary.json").write_text(json.dumps({**summary, **{k: v for k, v in changes.items() if "." not in k}}))
    return run


def study(runs: list[Path], batch_size: int = 50, composite: str = "otsuki2024") -> tuple[Table, dict[str, Any]]:
    return study_precisions(read_trainings([str(run) for run in runs]), composite, IMAGES, batch_size)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    every = [(precision, seed) for precision in ("bf16-mixed", "32-true") for seed in reversed(SEEDS)]
    return [trained(folder, precision, seed) for precision, seed in every]


@pytest.fixture(scope="module")
def studied(runs: list[Path]) -> tuple[Table, dict[str, Any]]:
    return study(runs, batch_size=4)


def read(table: Table) -> dict[str, dict[str, str]]:
    """The rows of the table by their first cell."""
    return {row["precision"]: row for row in csv.DictReader(to_csv(table).splitlines())}


def heatmaps(run: Path, data: Any) -> torch.Tensor:
    """By the engine itself, in one batch."""
    network = build_model("resnet20", num_classes=10, image_size=data.image_size).eval()
    state = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    network.load_state_dict({k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")})
    positions = [position for batch in data.test_batches() for position in batch]
    batch = data.on_after_batch_transfer(data.split("test").__getitems__(positions))
    return LRP(network, "otsuki2024", start="one").attribute(batch.images, batch.labels).sum(1).flatten(1)


def rho(maps: torch.Tensor, others: torch.Tensor) -> float:
    return mean(spearmanr(a, b).statistic for a, b in zip(maps.numpy(), others.numpy(), strict=True))


def test_numbers_are_scipys_and_the_statistics_modules(runs: list[Path], studied: tuple[Table, dict[str, Any]]) -> None:
    config = OmegaConf.load(runs[0] / "config.yaml")
    data = build_data(config, limit=IMAGES)
    data.setup("test")
    maps = {(run.parent.name, int(run.name[-1])): heatmaps(run, data) for run in runs}
    rows = read(studied[0])
    assert list(rows) == ["32-true", "16-mixed", "bf16-mixed"]
    to_reference = [rho(maps["bf16-mixed", seed], maps["32-true", seed]) for seed in SEEDS]
    for name in ACCURACY:
        pairs = [rho(maps[name, one], maps[name, other]) for one, other in combinations(SEEDS, 2)]
        seconds = [value for value in SECONDS[name] if value is not None]
        expected = {
            "test accuracy [%]": [100 * value for value in ACCURACY[name]],
            "epoch [s]": seconds,
            "peak memory [MB]": [500.0, 501.0, 502.0],
            "ρ between seeds": pairs,
            **({"ρ to 32-true": to_reference} if name != "32-true" else {}),
        }
        assert rows[name]["seeds"] == "3"
        for column, values in expected.items():
            assert float(rows[name][f"{column} mean"]) == pytest.approx(mean(values), abs=2e-4)
            assert float(rows[name][f"{column} std"]) == pytest.approx(stdev(values), abs=2e-4)
    assert rows["32-true"]["ρ to 32-true mean"] == ""
    absent = rows["16-mixed"]
    assert absent.pop("seeds") == "0"
    assert set(absent.values()) == {"16-mixed", ""}


def test_it_says_where_the_numbers_come_from(studied: tuple[Table, dict[str, Any]], runs: list[Path]) -> None:
    table, facts = studied
    markdown = to_markdown(table)
    for text in (
        "resnet20 on digits",
        "360 test images; epochs: 3; seeds: 0, 1, 2",
        "sample standard deviation over seeds",
        f"mean over {IMAGES} test images",
        "precision 16-mixed does not exist on a CPU",
        "commit abc",
        "torch 2",
        "cpu (x86\\_64, 1 threads)",
        "| 98.00 ± 1.00 |",
        "| 90.00 ± 10.00 |",
    ):
        assert text in markdown, text
    assert {each["folder"] for each in facts["trainings"]} == set(map(str, runs))
    assert facts["images"] == IMAGES
    assert [len(each) for each in facts["rank_correlation"]["between_seeds"].values()] == [3, 0, 3]


def test_a_format_that_became_another_is_left_out(tmp_path: Path, runs: list[Path]) -> None:
    """16-mixed on a CPU is bf16-mixed; it must not count as either. What one seed does not have is absent."""
    replaced = trained(tmp_path, "16-mixed", 0)
    only = [run for run in runs if run.parent.name == "32-true" and run.name == "seed0"]
    rows = read(study([replaced, *only])[0])
    assert list(rows) == ["32-true", "16-mixed"]
    assert rows["32-true"]["test accuracy [%] std"] == ""
    assert rows["32-true"]["ρ between seeds"] == ""


def test_images_are_the_comparisons_and_formats_the_trainings(tmp_path: Path, monkeypatch) -> None:
    """Whatever images the trainings were tested on, and however slow the comparing machine is at bfloat16."""
    monkeypatch.setattr("relprop.training.precision._multiplies_bfloat16", lambda: False)
    run = trained(tmp_path, "32-true", 0, **{"dataset.per_class": 3})
    table, facts = study([run], composite="epsilon")
    assert list(read(table)) == ["32-true", "16-mixed"]
    assert (facts["images"], facts["composite"]) == (IMAGES, "epsilon")


def test_correlations_pair_seeds_and_formats() -> None:
    rising, falling = torch.arange(4.0).double().view(1, 2, 2), -torch.arange(4.0).double().view(1, 2, 2)
    maps = {("32-true", 5): rising, ("32-true", 7): falling, ("16-mixed", 5): rising, ("16-mixed", 9): falling}
    assert between_seeds(maps) == {"32-true": [-1.0], "16-mixed": [-1.0], "bf16-mixed": []}
    assert to_same_seed(maps) == {"16-mixed": [1.0], "bf16-mixed": []}


def test_spread_is_of_the_values_that_there_are() -> None:
    both = spread([1.0, None, 3.0])
    assert (both.mean, both.std) == (2.0, pytest.approx(2**0.5))
    assert (spread([4.0]).mean, spread([4.0]).std) == (4.0, None)
    assert spread([None]) is None


def test_trainings_that_cannot_be_compared_are_refused(tmp_path: Path, runs: list[Path]) -> None:
    longer = trained(tmp_path / "a", "32-true", 1, **{"dataset.epochs": 5})
    with pytest.raises(
        UserError, match=r"has dataset.epochs=12, .* dataset.epochs=5; compare trainings that differ in"
    ):
        read_trainings([str(run) for run in [runs[0], longer]])
    again = trained(tmp_path / "b", *("32-true", 0))
    with pytest.raises(UserError, match=r"both have trainer.precision=32-true and seed=0; name one of them"):
        read_trainings([str(run) for run in [*runs, again]])
    (longer / "summary.json").unlink()
    with pytest.raises(UserError, match=f"has no summary.json; .*ckpt=last run_dir={longer}"):
        read_trainings([str(run) for run in [longer]])
    with pytest.raises(UserError, match="there is no folder nowhere; give the folder of a run of train.py"):
        read_trainings(["nowhere"])
    with pytest.raises(UserError, match="runs=null is not valid; name the folders of finished trainings"):
        read_trainings(None)
    (again / "summary.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        read_trainings([str(run) for run in [again]])
    (again / "summary.json").write_text("{}")
    with pytest.raises(UserError, match="has no dataset and no model"):
        read_trainings([str(run) for run in [again]])
