"""Runs that end too early, by SIGKILL too, and continue: nothing is lost, nothing is done twice."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from relprop.data.memory import TensorImages
from relprop.experiment import visualize
from relprop.models import build_model
from relprop.resuming import ROWS, SUMMARY
from relprop.rows import RowFile
from relprop.runs import choose_checkpoint
from tests.configs import SCRIPTS, composed
from tests.processes import only

WORDS = ("images=22", "batch_size=4", "sheet=3", "protocol.step=128", "logger=csv", "trainer.enable_progress_bar=false")
SAME = (ROWS, "heatmaps.png", "perturbed.png", "curves.png", "flips.png")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a resnet20 that nobody has trained."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet20.pth"
    torch.save(build_model("resnet20", num_classes=10, image_size=32).state_dict(), path)
    return path


def explain(weights: Path, folder: Path, *words: str) -> Path:
    config = composed("visualize", folder, f"ckpt={weights}", *WORDS, *words)
    visualize(config, choose_checkpoint(config))
    return Path(config.run_dir)


@pytest.fixture(scope="module")
def whole(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody interrupted."""
    return explain(weights, tmp_path_factory.mktemp("whole"))


def assert_equal_runs(run: Path, whole: Path, resumed: int) -> None:
    assert {name: (run / name).read_bytes() for name in SAME} == {name: (whole / name).read_bytes() for name in SAME}
    mine, other = (json.loads((folder / SUMMARY).read_text()) for folder in (run, whole))
    assert mine.pop("resumed_rows") == resumed
    assert other.pop("resumed_rows") == 0
    del mine["wall_time_seconds"], other["wall_time_seconds"]
    assert mine == other


# -- interrupted between any two batches, or in the middle of a row ---------------------------------------------------


@pytest.mark.parametrize(("batches", "cut"), [(0, 0), (3, 30), (6, 0)])
def test_goes_on_after_the_last_whole_batch(
    batches: int, cut: int, weights: Path, whole: Path, tmp_path: Path, monkeypatch, caplog
) -> None:
    """`batches` of 6 are in the file when the run ends; then `cut` bytes are lost."""
    append = RowFile.append

    def crash(file: RowFile, rows: list) -> None:
        if file.done == batches:
            power_is_out()
        append(file, rows)

    with monkeypatch.context() as patch:
        patch.setattr(RowFile, "append", crash)
        patch.setattr("relprop.callbacks.report.write_json", power_is_out)  # the summary's, after the last row
        with pytest.raises(RuntimeError, match="power is out"):
            explain(weights, tmp_path)
    rows = tmp_path / "visualize" / "run" / ROWS
    os.truncate(rows, rows.stat().st_size - cut)
    seen: list[int] = []
    monkeypatch.setattr(RowFile, "append", lambda file, new: (seen.append(file.done), append(file, new))[1])
    caplog.set_level("INFO")
    resumed = min(22, 4 * (batches - bool(cut)))
    assert_equal_runs(explain(weights, tmp_path), whole, resumed)
    assert seen == list(range(batches - bool(cut), 6))
    assert f"continuing {rows.parent}: {resumed} of 22 images were scored before" in caplog.messages


def power_is_out(*_: object) -> None:
    raise RuntimeError("the power is out")


def test_what_has_rows_is_read_again_only_to_be_shown(weights: Path, whole: Path, tmp_path: Path, monkeypatch) -> None:
    """Of 22 images three are shown: 0, 10 and 21, in batches 0, 2 and 5."""
    run = explain(weights, tmp_path)
    (run / SUMMARY).unlink()
    rows = (run / ROWS).read_bytes().splitlines(keepends=True)
    (run / ROWS).write_bytes(b"".join(rows[:16]))
    read: list[list[int]] = []
    load = TensorImages.__getitems__
    monkeypatch.setattr(TensorImages, "__getitems__", lambda images, at: (read.append(at), load(images, at))[1])
    assert_equal_runs(explain(weights, tmp_path), whole, 16)
    indices = [json.loads(row)["index"] for row in rows]
    assert read == [indices[first : first + 4] for first in (0, 8, 16, 20)]


def test_another_command_begins_anew_in_a_folder_given_by_hand(weights: Path, whole: Path, tmp_path: Path) -> None:
    run = explain(weights, tmp_path, "target=label")
    (run / SUMMARY).unlink()
    assert (run / ROWS).read_bytes() != (whole / ROWS).read_bytes()
    assert_equal_runs(explain(weights, tmp_path), whole, 0)


# -- killed -----------------------------------------------------------------------------------------------------------


def start(weights: Path, cwd: Path, *words: str) -> subprocess.Popen[str]:
    """The script, in a process group of its own."""
    command = [sys.executable, str(SCRIPTS / "visualize.py"), f"ckpt={weights}", *WORDS, *words]
    variables = {key: value for key, value in os.environ.items() if not key.startswith("WANDB")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    variables["OMP_NUM_THREADS"] = "1"  # as in the run that is compared
    return subprocess.Popen(command, cwd=cwd, env=variables, text=True, start_new_session=True, **pipes)


def killed(weights: Path, cwd: Path, rows: int, *words: str) -> Path:
    """The folder of a run that SIGKILL ended when it had written some rows, the last of them then cut in half."""
    process = start(weights, cwd, *words)
    deadline = time.monotonic() + 120
    while sum(path.read_bytes().count(b"\n") for path in cwd.glob(f"outputs/visualize/*/{ROWS}")) < rows:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)  # the first process; those that it started must end by themselves
    assert "Traceback" not in process.communicate()[0]
    folder = only(cwd, "outputs/visualize/*")
    assert not (folder / SUMMARY).exists()
    os.truncate(folder / ROWS, (folder / ROWS).stat().st_size - 40)
    return folder


@pytest.mark.slow
def test_killed_and_continued_it_is_the_same_file(weights: Path, whole: Path, tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    folder = killed(weights, tmp_path, 8, f"output_dir={outputs}", f"hydra.run.dir={outputs}/visualize/run")
    batches = (folder / ROWS).read_bytes().count(b"\n") // 4
    assert batches > 0
    assert_equal_runs(explain(weights, outputs), whole, 4 * batches)


@pytest.mark.slow
def test_killed_and_started_again_as_two_processes_it_is_the_same_file(
    weights: Path, whole: Path, tmp_path: Path
) -> None:
    """Two that share the batches give the rows of one that nobody has killed."""
    words = ("trainer=ddp_cpu", "trainer.accelerator=cpu")
    folder = killed(weights, tmp_path, 4, *words)
    process = start(weights, tmp_path, *words)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert only(tmp_path, "outputs/visualize/*") == folder
    done = json.loads((folder / SUMMARY).read_text())["resumed_rows"]
    assert f"{done} of 22 images were scored before" in output
    assert output.count("explaining resnet20") == 1
    assert_equal_runs(folder, whole, done)
    assert [path.name for path in folder.glob("*.log")] == ["visualize.log"]
    assert (folder / "visualize.log").read_text().count("explaining resnet20") == 2


def test_a_run_that_was_told_to_stop_early_is_not_finished(weights: Path, whole: Path, tmp_path: Path) -> None:
    run = explain(weights, tmp_path, "+trainer.limit_test_batches=2")
    assert len((run / ROWS).read_text().splitlines()) == 8
    assert (whole / ROWS).read_text().startswith((run / ROWS).read_text())
    assert not (run / SUMMARY).exists()
