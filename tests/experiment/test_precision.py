"""The comparison of number formats: real networks and checkpoints, numbers by hand and by scipy."""

import csv
import json
import os
import stat
import subprocess
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from scipy.stats import spearmanr

from relprop import LRP
from relprop.comparison.trainings import read_trainings
from relprop.errors import UserError
from relprop.experiment.building import build_classifier, build_data
from relprop.experiment.precision import between_seeds, compare_precisions, spread, to_same_seed
from relprop.models import build_model
from tests.configs import SCRIPTS, composed

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


def asked(folder: Path, runs: list[Path], *words: str) -> DictConfig:
    named = ",".join(map(str, runs))
    return composed("precision", folder, f"runs=[{named}]", f"run_dir={folder}/out", f"images={IMAGES}", *words)


def compare(config: DictConfig) -> None:
    compare_precisions(read_trainings(config.runs), config)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    every = [(precision, seed) for precision in ("bf16-mixed", "32-true") for seed in reversed(SEEDS)]
    return [trained(folder, precision, seed) for precision, seed in every]


@pytest.fixture(scope="module")
def table(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    compare(asked(folder, runs, "batch_size=4"))
    return folder / "out"


def read(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of the table by their first cell."""
    lines = (folder / "precision.csv").read_text().splitlines()
    return {row["precision"]: row for row in csv.DictReader(lines)}


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


def test_numbers_are_scipys_and_the_statistics_modules(runs: list[Path], table: Path) -> None:
    config = OmegaConf.load(runs[0] / "config.yaml")
    data = build_data(config, limit=IMAGES)
    data.setup("test")
    maps = {(run.parent.name, int(run.name[-1])): heatmaps(run, data) for run in runs}
    rows = read(table)
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


def test_files_say_where_the_numbers_come_from(table: Path, runs: list[Path]) -> None:
    markdown = (table / "precision.md").read_text()
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
    assert r"\toprule" in (table / "precision.tex").read_text()
    written = json.loads((table / "precision.json").read_text())
    assert {each["folder"] for each in written["trainings"]} == set(map(str, runs))
    assert written["images"] == IMAGES
    assert [len(each) for each in written["rank_correlation"]["between_seeds"].values()] == [3, 0, 3]


def test_a_format_that_became_another_is_left_out(tmp_path: Path, runs: list[Path]) -> None:
    """16-mixed on a CPU is bf16-mixed; it must not count as either. What one seed does not have is absent."""
    replaced = trained(tmp_path, "16-mixed", 0)
    only = [run for run in runs if run.parent.name == "32-true" and run.name == "seed0"]
    compare(asked(tmp_path, [replaced, *only]))
    rows = read(tmp_path / "out")
    assert list(rows) == ["32-true", "16-mixed"]
    assert rows["32-true"]["test accuracy [%] std"] == ""
    assert rows["32-true"]["ρ between seeds"] == ""


def test_images_are_the_comparisons_and_formats_the_trainings(tmp_path: Path, monkeypatch) -> None:
    """Whatever images the trainings were tested on, and however slow the comparing machine is at bfloat16."""
    monkeypatch.setattr("relprop.training.precision._multiplies_bfloat16", lambda: False)
    run = trained(tmp_path, "32-true", 0, **{"dataset.per_class": 3})
    compare(asked(tmp_path, [run], "composite=epsilon"))
    assert list(read(tmp_path / "out")) == ["32-true", "16-mixed"]
    written = json.loads((tmp_path / "out" / "precision.json").read_text())
    assert (written["images"], written["composite"]) == (IMAGES, "epsilon")


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
        compare(asked(tmp_path, [runs[0], longer]))
    again = trained(tmp_path / "b", *("32-true", 0))
    with pytest.raises(UserError, match=r"both have trainer.precision=32-true and seed=0; name one of them"):
        compare(asked(tmp_path, [*runs, again]))
    (longer / "summary.json").unlink()
    with pytest.raises(UserError, match=f"has no summary.json; .*ckpt=last run_dir={longer}"):
        compare(asked(tmp_path, [longer]))
    with pytest.raises(UserError, match="there is no folder nowhere; give the folder of a run of train.py"):
        compare(asked(tmp_path, [Path("nowhere")]))
    with pytest.raises(UserError, match="runs=null is not valid; name the folders of finished trainings"):
        compare(composed("precision", tmp_path))
    (again / "summary.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        compare(asked(tmp_path, [again]))
    (again / "summary.json").write_text("{}")
    with pytest.raises(UserError, match="has no dataset and no model"):
        compare(asked(tmp_path, [again]))


@pytest.mark.parametrize("gpu", [False, True])
def test_exp_trains_what_is_missing_and_goes_on_with_what_was_killed(gpu: bool, tmp_path: Path) -> None:
    """By a Python that notes what it is asked to do."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    refuses = "" if gpu else "if [[ $1 == -c && $2 == *cuda* ]]; then exit 1; fi\n"
    python.write_text(f'#!/bin/bash\n{refuses}if [[ $1 != -c ]]; then echo "$@" >>"$NOTED"; fi\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    out, noted = tmp_path / "out", tmp_path / "noted"
    for folder, file in (("32-true/seed0", "summary.json"), ("bf16-mixed/seed2", "run.json")):
        (out / folder).mkdir(parents=True)
        (out / folder / file).touch()
    environment = {**os.environ, "VIRTUAL_ENV": str(tmp_path), "PRECISION": str(out), "NOTED": str(noted)}
    command = ["bash", str(SCRIPTS.parent / "exp.sh"), "precision", "dataset.epochs=5"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    *trainings, table = noted.read_text().splitlines()
    precisions = ["32-true", "16-mixed", "bf16-mixed"] if gpu else ["32-true", "bf16-mixed"]
    every = [(precision, seed) for seed in SEEDS for precision in precisions]
    expected = [
        f"scripts/train.py hydra.run.dir={out}/{precision}/seed{seed} trainer.precision={precision} seed={seed} "
        "dataset.epochs=5" + " ckpt=last" * ((precision, seed) == ("bf16-mixed", 2))
        for precision, seed in every
        if (precision, seed) != ("32-true", 0)
    ]
    assert trainings == expected
    folders = ",".join(f"{out}/{precision}/seed{seed}" for precision, seed in every)
    assert table == f"scripts/precision.py runs=[{folders}] hydra.run.dir={out}"
