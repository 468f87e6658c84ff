"""The real scripts, started as a user would, in a temporary folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.configs import SCRIPTS
from tests.processes import only, script


def test_vgg16_in_mixed_precision_as_the_readme_says(tmp_path: Path) -> None:
    output = script(
        "train", "model=vgg16", "trainer.precision=16-mixed", "trainer.fast_dev_run=true", "trainer=cpu", cwd=tmp_path
    )
    assert "precision 16-mixed does not exist on a CPU; using bf16-mixed" in output
    summary = json.loads(only(tmp_path, "outputs/train/*/summary.json").read_text())
    assert (summary["model"], summary["precision"]) == ("vgg16", "bf16-mixed")


def test_lrp_with_flows_skip_as_the_readme_says(tmp_path: Path) -> None:
    """In an empty folder: a network is trained first; W&B gets an offline run with pictures, tables and summary."""
    words = (
        "method=lrp",
        "skip=flows_skip",
        "audit=true",
        "dataset.epochs=1",
        "+trainer.limit_train_batches=2",
        "images=4",
        "protocol.step=256",
    )
    output = script("visualize", *words, cwd=tmp_path)
    assert "training resnet20 on digits" in output
    folder = only(tmp_path, "outputs/visualize/*")
    names = {"config.yaml", "results.jsonl", "summary.json", "audit.json", "audit.txt", "heatmaps.png", "curves.png"}
    assert names <= {p.name for p in folder.iterdir()}
    assert len((folder / "results.jsonl").read_text().splitlines()) == 4
    media = {path.name.split("_")[0] for path in folder.glob("wandb/offline-run-*/files/media/images/*.png")}
    assert media == {"heatmaps", "perturbed", "curves", "flips"}
    for table in ("scores", "audit"):
        assert only(folder, f"wandb/offline-run-*/files/media/table/{table}*.table.json")
    assert f"audit of the first 4 images: {(folder / 'audit.txt').read_text().splitlines()[-1]}" in output

    trained = only(tmp_path, "outputs/train/*/checkpoints/best.ckpt")
    again = script("visualize", "method=gradient", "images=1", "protocol.step=512", "logger=csv", cwd=tmp_path)
    assert f"explaining resnet20 from {trained.relative_to(tmp_path)}" in again
    assert only(tmp_path, "outputs/train/*") == trained.parents[1]


def test_multirun_keeps_its_jobs_together(tmp_path: Path) -> None:
    script("train", "-m", "seed=0,1", "trainer.fast_dev_run=true", "logger=csv", cwd=tmp_path)
    (date,) = (tmp_path / "outputs" / "train").iterdir()
    summaries = [json.loads((date / job / "summary.json").read_text()) for job in ("0", "1")]
    assert [summary["seed"] for summary in summaries] == [0, 1]
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["train"]


# Runs a script that then measures networks with a quarter of their channels.
SLIM = """
import runpy, sys
from relprop.benchmark import sides
from tests.slim import slim

sides.build_model = lambda name, *, image_size, **_: slim(name, image_size)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_benchmark_prints_one_json_object_per_line(tmp_path: Path) -> None:
    case = "lrp/resnet50/otsuki2024/batch1"
    words = ("repeats=1", f"cases=[{case}]", "threads=1", "competitors=false")
    command = [sys.executable, "-c", SLIM, str(SCRIPTS / "benchmark.py"), *words]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS.parent)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    (row,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (row["case"], row["threads"]) == (case, 1)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert row["images_per_second"] == pytest.approx(1 / row["seconds"])
    assert json.loads(only(tmp_path, "outputs/benchmark/*/benchmark.jsonl").read_text()) == row
