"""The real scripts, started as a user would, in a temporary folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.configs import SCRIPTS

ROOT = SCRIPTS.parent


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Standard output and error together, of a command that must succeed."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB", "RELPROP"))}
    variables |= {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline", **environment}
    result = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def script(name: str, *arguments: str, cwd: Path) -> str:
    return run(sys.executable, str(SCRIPTS / f"{name}.py"), *arguments, cwd=cwd)


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.glob(pattern)
    return path


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
        "+trainer.limit_train_batches=8",
        "images=10",
        "metric.step=64",
    )
    output = script("visualize", *words, cwd=tmp_path)
    assert "training resnet20 on digits" in output
    folder = only(tmp_path, "outputs/visualize/*")
    names = {"config.yaml", "results.jsonl", "summary.json", "audit.json", "audit.txt", "heatmaps.png", "curves.png"}
    assert names <= {p.name for p in folder.iterdir()}
    assert len((folder / "results.jsonl").read_text().splitlines()) == 10
    media = {path.name.split("_")[0] for path in folder.glob("wandb/offline-run-*/files/media/images/*.png")}
    assert media == {"heatmaps", "curves"}
    for table in ("scores", "audit"):
        assert only(folder, f"wandb/offline-run-*/files/media/table/{table}*.table.json")
    assert f"audit of the first 10 images: {(folder / 'audit.txt').read_text().splitlines()[-1]}" in output

    trained = only(tmp_path, "outputs/train/*/checkpoints/best.ckpt")
    again = script("visualize", *words, "logger=csv", cwd=tmp_path)
    assert f"explaining resnet20 from {trained.relative_to(tmp_path)}" in again
    assert only(tmp_path, "outputs/train/*") == trained.parents[1]


def test_multirun_keeps_its_jobs_together(tmp_path: Path) -> None:
    script("train", "-m", "seed=0,1", "trainer.fast_dev_run=true", "logger=csv", cwd=tmp_path)
    (date,) = (tmp_path / "outputs" / "train").iterdir()
    summaries = [json.loads((date / job / "summary.json").read_text()) for job in ("0", "1")]
    assert [summary["seed"] for summary in summaries] == [0, 1]
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["train"]


def test_benchmark_prints_one_json_object_per_line(tmp_path: Path) -> None:
    case = "lrp/resnet50/otsuki2024/batch1"
    command = [sys.executable, str(SCRIPTS / "benchmark.py"), "repeats=1", f"cases=[{case}]", "threads=1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (row,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (row["case"], row["threads"]) == (case, 1)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert row["images_per_second"] == pytest.approx(1 / row["seconds"])
    assert json.loads(only(tmp_path, "outputs/benchmark/*/benchmark.jsonl").read_text()) == row


def test_quickstart(tmp_path: Path) -> None:
    """The README's first command, in the environment that runs this test: at least 97 % on the test digits."""
    environment = {"VIRTUAL_ENV": sys.prefix, "COLUMNS": "120"}
    output = run(
        "bash", str(ROOT / "exp.sh"), "quickstart", "images=40", f"output_dir={tmp_path}", cwd=tmp_path, **environment
    )
    training = json.loads(only(tmp_path, "train/*/summary.json").read_text())
    assert training["n"] == 360
    assert training["test_accuracy"] >= 0.97
    folder = only(tmp_path, "visualize/*")
    scores = json.loads((folder / "summary.json").read_text())
    assert scores["id"]["mean"] > 0.2  # random heatmaps are at 0
    for name in ("insertion", "deletion", "id"):
        assert f"{scores[name]['mean']:.4f}" in output
    assert f"{folder}/heatmaps.png" in output
    assert f"{folder}/curves.png" in output


def test_exp_lists_every_experiment_with_a_line_each() -> None:
    output = run("bash", str(ROOT / "exp.sh"), cwd=ROOT)
    functions = {
        line.removeprefix("run_").split("(")[0]
        for line in (ROOT / "exp.sh").read_text().splitlines()
        if line.startswith("run_")
    }
    listed = {line.split()[0] for line in output.splitlines()[1:]}
    assert listed == functions
    assert {"quickstart", "test"} <= listed


def test_exp_refuses_an_unknown_name() -> None:
    result = subprocess.run(["bash", str(ROOT / "exp.sh"), "nope"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("error: there is no experiment 'nope'")
