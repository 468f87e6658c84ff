"""A paper's tables: from its words to the files, by the real flow, on a network that has learnt nothing."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest
from omegaconf import OmegaConf

from relprop.errors import UserError
from relprop.reproduction.reproducing import reproduce
from tests.configs import CONF
from tests.reproduction.papers import PAPER, TABLE, asked, save_weights


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    lines = (folder / "results" / "floors.csv").read_text().splitlines()
    return {row["method"]: row for row in csv.DictReader(lines)}


def cells_of(folder: Path) -> list[Path]:
    return sorted((folder / "reproduce" / "cells").iterdir())


def with_rows(rows: dict[str, list[str]], **changes: Any) -> dict[str, Any]:
    """The paper with other rows."""
    return {**PAPER, "tables": {"floors": {**TABLE, "rows": rows, **changes}}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of it in this process."""
    folder = tmp_path_factory.mktemp("finished")
    save_weights(folder / "weights")
    reproduce(asked(folder, PAPER, "jobs=1"), CONF)
    return folder


def test_numbers_are_those_of_the_images(finished: Path) -> None:
    rows = rows_of(finished)
    assert list(rows) == ["noise", "edges"]
    assert len(cells_of(finished)) == 4
    for cell in cells_of(finished):
        images = [json.loads(line) for line in (cell / "results.jsonl").read_text().splitlines()]
        row = rows[{"random": "noise", "sobel": "edges"}[images[0]["method"]]]
        column = images[0]["protocol"].split()[0]
        assert row["images"] == "6"
        for score, name in (("insertion", "insertion"), ("deletion", "deletion"), ("id", "ID")):
            values = [image[score] for image in images]
            assert float(row[f"{column}: {name} mean"]) == pytest.approx(mean(values))
            assert float(row[f"{column}: {name} std"]) == pytest.approx(stdev(values))
            assert float(row[f"{column}: {name} low"]) <= mean(values) <= float(row[f"{column}: {name} high"])


def test_files_say_what_they_show_and_where_it_comes_from(finished: Path) -> None:
    results = finished / "results"
    markdown = (results / "floors.md").read_text()
    for text in (
        "strict: ID ↑",
        "otsuki2024: deletion ↓",
        "**",
        "over images",
        "Protocol",
        "seed 0",
        "torch",
        "wall time",
    ):
        assert text in markdown, text
    latex = (results / "floors.tex").read_text()
    for text in (r"\toprule", r"\multicolumn{3}{c}{strict}", r"\label{tab:floors_floors}"):
        assert text in latex, text
    assert (results / "README.md").read_text().startswith("# Two floors\n")
    written = json.loads((results / "results.json").read_text())
    assert [cell["row"] for cell in written["floors"]["cells"]] == ["noise", "noise", "edges", "edges"]
    report = (results / "report.html").read_text()
    assert "Two floors" in report
    assert "data:image/png;base64," in report
    assert (results / "csv" / "floors.csv").is_file()


def test_cells_are_computed_once(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for another table, whose cells are partly the same, and for those who move the folder of weights."""
    monkeypatch.setattr("relprop.reproduction.scoring.score", None)
    before = {cell: cell.stat().st_mtime_ns for cell in cells_of(finished)}
    moved = finished / "elsewhere"
    shutil.copytree(finished / "weights", moved)
    other = with_rows({"Sobel": ["method=sobel"]}, columns={"": ["protocol=strict", "protocol.step=256"]})
    config = asked(finished, other, "jobs=1", f"weights_dir={moved}")
    config.run_dir = f"{finished}/other"
    reproduce(config, CONF)
    assert {cell: cell.stat().st_mtime_ns for cell in cells_of(finished)} == before


@pytest.mark.parametrize(
    "change",
    ["images=5", "seed=1", "weights", "words"],
)
def test_what_a_cell_depends_on_gives_another_cell(change: str, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "weights", tmp_path / "weights")
    shutil.copytree(finished / "reproduce", tmp_path / "reproduce")
    paper = with_rows({"edges": ["method=sobel", *(["reduction=max"] if change == "words" else [])]})
    if change == "weights":
        import torch

        state = torch.load(tmp_path / "weights" / "net.pt", weights_only=True)
        state["fc.bias" if "fc.bias" in state else next(iter(state))][0] += 1e-3
        torch.save(state, tmp_path / "weights" / "net.pt")
    reproduce(asked(tmp_path, paper, "jobs=1", *([change] if "=" in change else [])), CONF)
    assert len(cells_of(tmp_path)) == len(cells_of(finished)) + 2


def test_wandb_has_one_run_for_each_cell_and_one_for_the_tables(finished: Path, tmp_path: Path, monkeypatch) -> None:
    """All in one group, each with its own name; offline runs are files in which these stand as they are."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    shutil.copytree(finished / "weights", tmp_path / "weights")
    config = asked(tmp_path, with_rows({"edges": ["method=sobel"]}), "jobs=1", "logger=wandb")
    reproduce(config, CONF)
    named = dict.fromkeys(cells_of(tmp_path), b"ResNet-20, edges") | {tmp_path / "results": b"tables"}
    for folder, name in named.items():
        (log,) = folder.glob("wandb/offline-run-*/*.wandb")
        written = log.read_bytes()
        assert name in written
        assert b"floors" in written  # the group, by the name of the paper
    tables = json.loads(next(tmp_path.glob("results/wandb/offline-run-*/files/media/table/*.json")).read_text())
    assert tables["columns"][:3] == ["method", "images", "strict: insertion"]
    assert tables["data"][0][:2] == ["edges", "6"]


def test_a_cell_that_fails_is_in_the_table_and_the_others_go_on(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "weights", tmp_path / "weights")
    paper = with_rows({"broken": ["method=gradcam", "method.layer=nowhere"], "edges": ["method=sobel"]})
    with pytest.raises(UserError, match="2 of 4 failed: ResNet-20, broken, strict: .*nowhere.*; and 1 more"):
        reproduce(asked(tmp_path, paper, "jobs=1"), CONF)
    rows = rows_of(tmp_path)
    assert rows["broken"]["strict: ID mean"] == "failed"
    assert float(rows["edges"]["strict: ID mean"]) == float(rows_of(finished)["edges"]["strict: ID mean"])
    assert "nowhere" in (tmp_path / "results" / "floors.md").read_text()


def test_what_is_not_here_is_a_dash_with_its_reason(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "weights", tmp_path / "weights")
    networks = {**PAPER["networks"], "ResNet-110": {"words": ["model=resnet110"], "ckpt": "other.pt"}}
    published = {"source": "a test", "column": "strict", "values": {"ResNet-110": {"edges": {"id": [0.5, 0.1]}}}}
    paper = with_rows({"edges": ["method=sobel"]}, published=published)
    reproduce(asked(tmp_path, {**paper, "networks": networks}, "jobs=1"), CONF)
    lines = (tmp_path / "results" / "floors.csv").read_text().splitlines()
    here, absent = csv.DictReader(lines)
    assert here["section"] == "ResNet-20"
    assert here["published: ID mean"] == ""
    assert float(here["strict: ID mean"]) == float(rows_of(finished)["edges"]["strict: ID mean"])
    assert absent["strict: ID mean"] == "not here"
    assert (absent["published: ID mean"], absent["published: ID std"]) == ("0.5", "0.1")
    markdown = (tmp_path / "results" / "floors.md").read_text()
    assert f"there is no file {tmp_path}/weights/other.pt".replace("_", r"\_") in markdown
    assert "Published: a test." in markdown


def test_a_trained_network_is_trained_once_for_each_seed(tmp_path: Path) -> None:
    """Its numbers are those over trainings."""
    words = ["dataset=digits", "model=resnet20", "dataset.epochs=1", "+trainer.limit_train_batches=2"]
    networks = {"ResNet-20": {"words": ["model=resnet20"], "train": words, "seeds": [3, 4]}}
    config = asked(tmp_path, {**with_rows({"edges": ["method=sobel"]}), "networks": networks}, "jobs=1")
    reproduce(config, CONF)
    trainings = sorted((tmp_path / "reproduce" / "trainings").iterdir())
    assert [json.loads((path / "summary.json").read_text())["seed"] for path in trainings] == [3, 4]
    row = rows_of(tmp_path)["edges"]
    assert row["images"] == "2 × 6"
    summaries = [json.loads((cell / "summary.json").read_text()) for cell in cells_of(tmp_path)]
    means = [summary["id"]["mean"] for summary in summaries if summary["protocol"].startswith("strict")]
    assert float(row["strict: ID mean"]) == pytest.approx(mean(means))
    assert float(row["strict: ID std"]) == pytest.approx(stdev(means))
    half = 12.706204736 * stdev(means) / 2**0.5  # Student's t for one degree of freedom
    assert float(row["strict: ID high"]) == pytest.approx(mean(means) + half)
    before = [path.stat().st_mtime_ns for path in trainings]
    reproduce(config, CONF)
    assert [path.stat().st_mtime_ns for path in trainings] == before


def test_a_dry_run_lists_cells_and_computes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_weights(tmp_path / "weights")
    reproduce(asked(tmp_path, PAPER, "jobs=1", "dry_run=true"), CONF)
    said = capsys.readouterr().out
    assert "4 tasks, 0 of them done" in said
    assert "with jobs=1" in said
    assert not (tmp_path / "reproduce").exists()
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_a_killed_command_goes_on_to_the_same_table(finished: Path, tmp_path: Path) -> None:
    """Two processes compute cells until all are killed, as soon as the first cell has rows; one goes on."""
    shutil.copytree(finished / "weights", tmp_path / "weights")
    config = asked(tmp_path, PAPER, "jobs=2")
    OmegaConf.save(config, tmp_path / "config.yaml", resolve=True)
    code = (
        "from pathlib import Path\nfrom omegaconf import OmegaConf\n"
        "if __name__ == '__main__':\n"
        "    from relprop.reproduction.reproducing import reproduce\n"
        f"    reproduce(OmegaConf.load('{tmp_path}/config.yaml'), Path('{CONF}'))\n"
    )
    (tmp_path / "main.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "main.py"], start_new_session=True, stderr=subprocess.DEVNULL
    )
    while not list(tmp_path.glob("reproduce/cells/*/results.jsonl")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "results" / "floors.csv").exists()
    reproduce(asked(tmp_path, PAPER, "jobs=1"), CONF)
    assert (tmp_path / "results" / "floors.csv").read_text() == (finished / "results" / "floors.csv").read_text()
