import os
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from relprop.errors import UserError
from relprop.resuming import SUMMARY, begin
from relprop.runs import BEST, CONFIG, choose_checkpoint, config_beside, find_checkpoint, find_checkpoints


def finished_run(outputs: Path, name: str, dataset: str, model: str, age: int) -> Path:
    """A run folder as training leaves it; its checkpoint is `age` seconds old."""
    best = outputs / "train" / name / BEST
    best.parent.mkdir(parents=True)
    best.write_bytes(b"weights")
    OmegaConf.save({"dataset": {"name": dataset}, "model": {"name": model}}, outputs / "train" / name / CONFIG)
    os.utime(best, (1_700_000_000 - age,) * 2)
    return best


def config(outputs: Path, ckpt: str = "auto", dataset: str = "digits", model: str = "resnet20") -> DictConfig:
    values = {"ckpt": ckpt, "output_dir": str(outputs), "dataset": {"name": dataset}, "model": {"name": model}}
    return OmegaConf.create({**values, "run_dir": str(outputs / "visualize" / "run")})


def test_newest_of_this_data_set_and_network(tmp_path: Path) -> None:
    finished_run(tmp_path, "a", "digits", "resnet20", age=300)
    wanted = finished_run(tmp_path, "b", "digits", "resnet20", age=200)
    finished_run(tmp_path, "c", "digits", "vgg11", age=100)
    finished_run(tmp_path, "d", "cifar10", "resnet20", age=50)
    assert find_checkpoint(tmp_path, "digits", "resnet20") == wanted
    assert choose_checkpoint(config(tmp_path)) == wanted


def test_all_checkpoints_are_found_the_newest_first_wherever_their_runs_lie(tmp_path: Path) -> None:
    assert find_checkpoints(tmp_path / "nowhere") == []
    old, new = (finished_run(tmp_path, name, "digits", "vgg11", age) for name, age in (("a", 300), ("b/c/0", 100)))
    between = finished_run(tmp_path / "reproduce" / "x", "a", "digits", "vgg11", age=200)
    (tmp_path / "train" / "d" / "checkpoints").mkdir(parents=True)  # not there yet
    (tmp_path / "train" / "e" / "best.ckpt").mkdir(parents=True)
    assert find_checkpoints(tmp_path) == [new, between, old]
    assert find_checkpoints(tmp_path / "train") == [new, old]


@pytest.mark.parametrize(
    "content",
    [
        b"dataset: [digits",
        b"\xff\xfe\x00",
        b"",
        b"- dataset\n- model",
        b"dataset: digits\nmodel: resnet20",
        b"dataset: {name: digits}\nmodel: {width: 1}",
        b"dataset: {name: 3}\nmodel: {name: vgg11}",
        b"dataset: {name: '${nothing:1}'}\nmodel: {name: vgg11}",
        b"&a [*a, ",
        b"dataset: {name: '${'}\nmodel: {name: vgg11}",
        b"dataset: {name: digits}\nmodel: {name: vgg11, width: '${nothing:1}'}",
    ],
)
def test_a_config_that_cannot_be_read_says_nothing_and_hides_no_other_run(tmp_path: Path, content: bytes) -> None:
    good = finished_run(tmp_path, "good", "digits", "vgg11", age=100)
    bad = finished_run(tmp_path, "bad", "digits", "vgg11", age=0)
    (tmp_path / "train" / "bad" / CONFIG).write_bytes(content)
    assert config_beside(bad) is None
    assert find_checkpoints(tmp_path) == [bad, good]
    assert find_checkpoint(tmp_path, "digits", "vgg11") == good
    assert choose_checkpoint(config(tmp_path, ckpt=str(bad), model="vgg11")) == bad


def test_none_where_one_can_be_trained_or_downloaded(tmp_path: Path) -> None:
    assert choose_checkpoint(config(tmp_path)) is None
    assert choose_checkpoint(config(tmp_path, dataset="imagenet", model="resnet50")) is None


def test_none_elsewhere_says_which_command_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'python scripts/train\.py dataset=cifar10 model=vgg16'"):
        choose_checkpoint(config(tmp_path, dataset="cifar10", model="vgg16"))
    for name, dataset, model in (("a", "cifar10", "vgg11"), ("b", "cifar10", "vgg11"), ("c", "mnist", "vgg13")):
        finished_run(tmp_path, name, dataset, model, age=0)
    with pytest.raises(UserError, match=r"below \S*; there is one of model=vgg11; make one with"):
        choose_checkpoint(config(tmp_path, dataset="cifar10", model="vgg16"))


def test_a_file_of_another_network_is_refused_with_the_remedy(tmp_path: Path) -> None:
    other = finished_run(tmp_path, "a", "digits", "vgg11", age=0)
    with pytest.raises(UserError, match=r"is of vgg11 on digits, not of resnet20 on digits; say model=vgg11"):
        choose_checkpoint(config(tmp_path, ckpt=str(other)))
    assert choose_checkpoint(config(tmp_path, ckpt=str(other), model="vgg11")) == other


def test_a_file_from_elsewhere_is_taken(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"weights")
    assert choose_checkpoint(config(tmp_path, ckpt=str(tmp_path / "weights.pth"))) == tmp_path / "weights.pth"
    with pytest.raises(UserError, match="there is no checkpoint"):
        choose_checkpoint(config(tmp_path, ckpt=str(tmp_path / "other.pth")))


def test_a_killed_run_keeps_the_checkpoint_that_it_began_with(tmp_path: Path) -> None:
    older = finished_run(tmp_path, "a", "digits", "resnet20", age=200)
    for ckpt in ("auto", "train"):
        begun = config(tmp_path, ckpt)
        folder = Path(begun.run_dir)
        folder.mkdir(parents=True, exist_ok=True)
        begin(folder, begun, older)
        newer = finished_run(tmp_path, f"after {ckpt}", "digits", "resnet20", age=100)
        assert choose_checkpoint(begun) == older
        (folder / SUMMARY).write_text("{}")  # now it is finished
        assert choose_checkpoint(begun) == (newer if ckpt == "auto" else None)
