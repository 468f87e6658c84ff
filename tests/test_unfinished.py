"""Which training `ckpt=last` continues, and what it says if there is none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from relprop import unfinished
from relprop.errors import UserError
from relprop.resuming import NOTE, SUMMARY, hold
from relprop.runs import BEST, CONFIG, LAST
from tests.configs import SCRIPTS, composed


def aborted(root: Path, name: str, *words: str, minute: int = 0) -> Path:
    """A folder in `root`/train as a killed training leaves it; a later `minute` is a newer one."""
    folder = root / "train" / name
    config = composed("train", root, *words)
    config.run_dir = str(folder)
    unfinished.begin(folder, config)
    os.utime(folder / NOTE, (1e9 + 60 * minute, 1e9 + 60 * minute))
    return folder


def asked(root: Path, *words: str) -> Path:
    """The folder that a command with these words continues."""
    words = ("ckpt=last", *words)
    return Path(unfinished.continued(composed("train", root, *words), words).run_dir)


def test_the_bare_command_takes_the_newest_with_its_own_config(tmp_path: Path) -> None:
    aborted(tmp_path, "a", "dataset=cifar10", minute=1)
    newest = aborted(tmp_path, "sweep/0", "model=vgg11", "seed=3", "weights=start.pt", minute=3)
    aborted(tmp_path, "c", minute=2)
    config = unfinished.continued(composed("train", tmp_path, "ckpt=last"), ["ckpt=last"])
    assert OmegaConf.to_container(config) == OmegaConf.to_container(OmegaConf.load(newest / CONFIG))
    assert (config.model.name, config.seed, config.weights, config.run_dir) == ("vgg11", 3, "start.pt", str(newest))


def test_finished_and_running_ones_are_passed_over(tmp_path: Path) -> None:
    first = aborted(tmp_path, "a", minute=1)
    (aborted(tmp_path, "b", minute=2) / SUMMARY).write_text("{}")
    program = (
        "import sys, pathlib; from relprop.resuming import hold\n"
        "with hold(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(aborted(tmp_path, "c", minute=3))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        assert asked(tmp_path) == first
        other.communicate()
    assert asked(tmp_path) == tmp_path / "train" / "c"


def test_the_one_that_was_continued_last_is_the_newest(tmp_path: Path) -> None:
    first = aborted(tmp_path, "a", minute=1)
    aborted(tmp_path, "b", minute=2)
    unfinished.go_on(first, composed("train", tmp_path))
    assert asked(tmp_path) == first


def test_a_sentence_takes_the_newest_that_it_describes(tmp_path: Path) -> None:
    first = aborted(tmp_path, "a", "model=vgg11", minute=1)
    other = aborted(tmp_path, "b", "+trainer.limit_train_batches=3", minute=2)
    assert asked(tmp_path, "model=vgg11") == first
    assert asked(tmp_path, "+trainer.limit_train_batches=3") == other


def test_logger_and_progress_bar_may_be_others_and_are_those_of_the_command(tmp_path: Path) -> None:
    aborted(tmp_path, "a", "model=vgg11", "logger=wandb")
    for words in (["logger=csv"], ["logger=csv", "model=vgg11"]):
        words = ["ckpt=last", *words, "trainer.enable_progress_bar=true"]
        config = composed("train", tmp_path, *words)
        config.trainer.enable_progress_bar = True
        found = unfinished.continued(config, words)
        assert (found.model.name, found.logger.name, found.trainer.enable_progress_bar) == ("vgg11", "csv", True)


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (("model=resnet32",), "model.name=vgg11, not resnet32"),
        (("model=vgg11", "seed=1"), "seed=0, not 1"),
        (("model=vgg11", "ema=0.9"), "ema=null, not 0.9"),
        (("model=vgg11", "+trainer.limit_train_batches=3"), "trainer.limit_train_batches=nothing, not 3"),
    ],
)
def test_another_config_is_refused_with_the_first_difference(
    words: tuple[str, ...], difference: str, tmp_path: Path
) -> None:
    folder = aborted(tmp_path, "a", "model=vgg11")
    with pytest.raises(UserError) as caught:
        asked(tmp_path, *words)
    remedy = f"continue it with 'python scripts/train.py ckpt=last run_dir={folder}'"
    assert str(caught.value) == f"the unfinished training in {folder} has {difference}; {remedy}"
    with pytest.raises(UserError, match=difference):
        asked(tmp_path, *words, f"run_dir={folder}")


def test_a_key_that_only_the_killed_one_has_is_a_difference(tmp_path: Path) -> None:
    aborted(tmp_path, "a", "model=vgg11", "+trainer.limit_train_batches=3")
    with pytest.raises(UserError, match="has trainer.limit_train_batches=3, not nothing"):
        asked(tmp_path, "model=vgg11")


def test_what_only_explanations_need_is_no_difference(tmp_path: Path) -> None:
    """`visualize.py ckpt=train` trains, too, and writes all of its own config."""
    folder = tmp_path / "train" / "a"
    unfinished.begin(folder, composed("visualize", tmp_path, "dataset.epochs=3", "ckpt=null", "images=7"))
    assert asked(tmp_path, "dataset.epochs=3") == folder


def test_a_folder_given_by_hand_is_taken_wherever_it_is(tmp_path: Path) -> None:
    folder = aborted(tmp_path / "elsewhere", "a", "model=vgg11")
    aborted(tmp_path, "newer", minute=9)
    assert asked(tmp_path, f"run_dir={folder}") == folder
    assert asked(tmp_path, f"run_dir={folder}", "model=vgg11") == folder


def test_a_finished_one_is_said_to_be_finished(tmp_path: Path) -> None:
    folder = aborted(tmp_path, "a")
    (folder / SUMMARY).write_text("{}")
    with pytest.raises(UserError, match=f"the training in {folder} is finished"):
        asked(tmp_path, f"run_dir={folder}")
    with pytest.raises(UserError, match=f"no unfinished training below {tmp_path}/train"):
        asked(tmp_path)


@pytest.mark.parametrize("note", ["", "{", "[]", json.dumps({"config": {}})])
def test_what_is_no_note_of_a_training_is_none(note: str, tmp_path: Path) -> None:
    folder = aborted(tmp_path, "a")
    (folder / NOTE).write_text(note)
    with pytest.raises(UserError, match="there is no unfinished training"):
        asked(tmp_path)
    with pytest.raises(UserError, match=f"{folder} holds no training that could be continued"):
        asked(tmp_path, f"run_dir={folder}")


def test_a_new_training_in_the_folder_of_a_killed_one_keeps_its_checkpoints_beside(tmp_path: Path, caplog) -> None:
    folder = aborted(tmp_path, "a")
    for name in (LAST, BEST):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    aborted(tmp_path, "a", "seed=1")
    assert sorted(path.name for path in (folder / LAST).parent.iterdir()) == ["best.ckpt.old", "last.ckpt.old"]
    assert "had not finished; its checkpoint is now" in caplog.text
    (folder / LAST).write_text("finished")
    (folder / SUMMARY).write_text("{}")
    aborted(tmp_path, "a")
    assert not (folder / LAST).exists() and not (folder / SUMMARY).exists()
    assert (folder / f"{LAST}.old").read_text() == LAST


def test_other_code_or_versions_are_said_when_it_goes_on(tmp_path: Path, caplog) -> None:
    folder = aborted(tmp_path, "a")
    unfinished.go_on(folder, composed("train", tmp_path))
    assert caplog.text == ""
    note = json.loads((folder / NOTE).read_text())
    note["versions"]["torch"] = "1.0"
    (folder / NOTE).write_text(json.dumps(note | {"code": "another"}))
    unfinished.go_on(folder, composed("train", tmp_path))
    assert "code and versions changed since this training began; it goes on, but its weights may differ" in caplog.text


def test_the_metrics_of_each_session_are_kept(tmp_path: Path) -> None:
    folder = aborted(tmp_path, "a")
    (folder / "csv").mkdir()
    for session in range(2):
        (folder / "csv" / "metrics.csv").write_text(str(session))
        unfinished.go_on(folder, composed("train", tmp_path))
    assert [(folder / "csv" / f"metrics_{session}.csv").read_text() for session in range(2)] == ["0", "1"]


def test_the_command_says_it_at_once_and_in_one_line(tmp_path: Path) -> None:
    """Before torch is imported, which takes seconds."""
    folder = aborted(tmp_path, "a", "model=vgg11")
    with hold(folder):
        command = [sys.executable, str(SCRIPTS / "train.py"), "ckpt=last", f"output_dir={tmp_path}"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        f"error: there is no unfinished training below {tmp_path}/train that no other process is at work on; "
        "leave ckpt=last out to start one"
    ]


@pytest.mark.parametrize("config", [None, "", "- 1", "{", "model: {}"])
def test_folders_whose_config_is_lost_are_passed_over(config: str | None, tmp_path: Path) -> None:
    good = aborted(tmp_path, "a", minute=1)
    lost = aborted(tmp_path, "b", minute=2) / CONFIG
    lost.unlink() if config is None else lost.write_text(config)
    assert asked(tmp_path) == asked(tmp_path, "seed=0") == good


def test_advice_is_for_what_there_is(tmp_path: Path) -> None:
    assert unfinished.how_to_continue(tmp_path) == "start it again; it had not begun"
    folder = aborted(tmp_path, "a")
    assert f"ckpt=last run_dir={folder}" in unfinished.how_to_continue(folder)
