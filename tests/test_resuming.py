"""Which unfinished run a command continues, and that no two processes work on one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from relprop import resuming
from relprop.errors import UserError
from relprop.provenance import provenance
from relprop.resuming import LOCK, NOTE, ROWS, SUMMARY, begin, continues, find_unfinished, hold, register_resolver
from tests.configs import CONF, composed


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"weights")
    return path


def unfinished(weights: Path, outputs: Path, date: str, *words: str) -> Path:
    folder = outputs / "visualize" / date
    folder.mkdir(parents=True)
    begin(folder, composed("visualize", outputs, f"ckpt={weights}", *words), weights)
    return folder


def test_newest_unfinished_run_of_the_same_command(weights: Path, tmp_path: Path) -> None:
    parent, config = tmp_path / "visualize", composed("visualize", tmp_path, f"ckpt={weights}", "seed=1")
    assert find_unfinished(parent, config) is None
    older, newer = (unfinished(weights, tmp_path, date, "seed=1") for date in ("2030-01-01", "2030-01-02"))
    unfinished(weights, tmp_path, "2030-01-03", "seed=2")
    broken = unfinished(weights, tmp_path, "2030-01-04", "seed=1")
    (broken / NOTE).write_text("{")
    assert find_unfinished(parent, config) == newer
    (newer / SUMMARY).write_text("{}")
    assert find_unfinished(parent, config) == older


@pytest.mark.parametrize("change", ["code_hash", "provenance", "size", "time", "gone"])
def test_other_code_or_another_checkpoint_is_another_run(
    change: str, weights: Path, tmp_path: Path, monkeypatch
) -> None:
    folder, config = unfinished(weights, tmp_path, "2030-01-01"), composed("visualize", tmp_path, f"ckpt={weights}")
    assert continues(folder, config)
    if change == "code_hash":
        monkeypatch.setattr(resuming, change, lambda: "other")
    elif change == "provenance":
        monkeypatch.setattr(resuming, change, lambda: {"git_commit": None, "versions": {}})
    elif change == "size":
        status = weights.stat()
        weights.write_bytes(b"other weights")
        os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "time":
        os.utime(weights, (1, 1))
    else:
        weights.unlink()
    assert not continues(folder, config)


def test_another_commit_of_the_same_code_is_the_same_run(weights: Path, tmp_path: Path, monkeypatch) -> None:
    folder, config = unfinished(weights, tmp_path, "2030-01-01"), composed("visualize", tmp_path, f"ckpt={weights}")
    monkeypatch.setattr(resuming, "provenance", lambda: {**provenance(), "git_commit": "other"})
    assert continues(folder, config)


def test_another_file_of_patterns_is_another_run(weights: Path, tmp_path: Path) -> None:
    patterns = tmp_path / "patterns.safetensors"
    patterns.write_bytes(b"patterns")
    words = ("composite=pattern_net", f"method.patterns={patterns}")
    folder = unfinished(weights, tmp_path, "2030-01-01", *words)
    config = composed("visualize", tmp_path, f"ckpt={weights}", *words)
    assert continues(folder, config)
    patterns.write_bytes(b"other patterns")
    assert not continues(folder, config)


def test_rows_of_another_unfinished_run_are_kept_beside(weights: Path, tmp_path: Path, caplog) -> None:
    folder = unfinished(weights, tmp_path, "2030-01-01")
    (folder / ROWS).write_text("a row")
    (folder / "curves.png").write_bytes(b"a picture")
    begin(folder, composed("visualize", tmp_path, "seed=2"), None)
    assert (folder / f"{ROWS}.old").read_text() == "a row"
    assert "holds rows of another run" in caplog.text
    assert not list(folder.glob("*.png"))
    (folder / ROWS).write_text("rows of a run that has finished")
    (folder / SUMMARY).write_text("{}")
    begin(folder, composed("visualize", tmp_path, "seed=3"), None)
    assert (folder / f"{ROWS}.old").read_text() == "a row"
    assert not (folder / ROWS).exists()


@contextmanager
def held_by_another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sys; from pathlib import Path; from relprop.resuming import hold\n"
        "with hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], text=True, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_folder_that_a_process_works_on_is_left_to_it_until_it_is_killed(weights: Path, tmp_path: Path) -> None:
    config = composed("visualize", tmp_path, f"ckpt={weights}")
    folder = unfinished(weights, tmp_path, "2030-01-01")
    with held_by_another_process(folder) as process:
        assert find_unfinished(folder.parent, config) is None
        with pytest.raises(UserError, match=f"another process is at work on {folder}; wait for it, or give another"):
            hold(folder).__enter__()
        process.kill()
        process.wait()
    assert find_unfinished(folder.parent, config) == folder
    with hold(folder):
        assert (folder / LOCK).is_file()


def run_dir(outputs: Path, *words: str) -> Path:
    """Where Hydra will write."""
    register_resolver()
    with initialize_config_dir(str(CONF), "visualize", version_base="1.3"):
        config = compose("visualize", [f"output_dir={outputs}", *words], return_hydra_config=True)
        return Path(config.hydra.run.dir)


def test_hydra_writes_into_the_folder_that_is_continued(weights: Path, tmp_path: Path) -> None:
    words = (f"ckpt={weights}", "trainer.enable_progress_bar=false")
    new = run_dir(tmp_path, *words)
    assert new.parent == tmp_path / "visualize"
    folder = unfinished(weights, tmp_path, "2030-01-01")
    assert run_dir(tmp_path, *words) == folder
    assert run_dir(tmp_path, *words, "images=3").name.startswith(new.name[:10])
    assert run_dir(tmp_path, *words, f"run_dir={tmp_path}/mine") not in (folder, tmp_path / "mine")
    assert run_dir(tmp_path, *words, "hydra.job.name=mine").parent == tmp_path / "mine"
    assert run_dir(tmp_path, *words, "hydra.runtime.output_dir=/there") == Path("/there")
    assert run_dir(tmp_path, *words, "seed=${nowhere}").parent == tmp_path / "visualize"
