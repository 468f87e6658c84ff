"""The list of networks: all that there are, each once, by ids that tell no path."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from omegaconf import DictConfig, OmegaConf

from relprop.demo.networks import Listed, find, is_named, list_networks, of_checkpoint, pretrained
from relprop.errors import UserError
from relprop.resuming import SUMMARY
from relprop.runs import BEST, CONFIG
from tests.demo.rooms import JSON


def run_of(folder: Path, age: int = 0, summary: str | None = None, model: str = "resnet20") -> Path:
    """A run's folder; its checkpoint, which nobody opens here, is `age` seconds old."""
    best = folder / BEST
    best.parent.mkdir(parents=True)
    best.write_bytes(b"weights")
    OmegaConf.save({"dataset": {"name": "digits"}, "model": {"name": model, "width": 0.5}}, folder / CONFIG)
    if summary is not None:
        (folder / SUMMARY).write_text(summary)
    os.utime(best, (1_700_000_000 - age,) * 2)
    return best


def test_all_are_listed_the_newest_first(tmp_path: Path) -> None:
    run_of(tmp_path / "train" / "old", 200, json.dumps({"test_accuracy": 0.98765}))
    run_of(tmp_path / "train" / "new", 100, model="vgg11")
    run_of(tmp_path / "reproduce" / "x" / "trainings" / "deep", 150)
    assert [each.label for each in list_networks(tmp_path, None)] == [
        "vgg11 model.width=0.5 on digits (new)",
        "resnet20 model.width=0.5 on digits (deep)",
        "resnet20 model.width=0.5 on digits, 98.8 % right (old)",
    ]
    assert list_networks(tmp_path / "nowhere", None) == []


def test_ids_stay_and_tell_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        run_of(tmp_path / "train" / name)
    first = list_networks(tmp_path, None)
    monkeypatch.chdir(tmp_path)
    run_of(tmp_path / "train" / "c")
    later = {each.id for each in list_networks(Path(), None)}
    assert len({each.id for each in first}) == 2 and len(later) == 3
    assert {each.id for each in first} < later
    (tmp_path / "link").symlink_to(tmp_path / "train")
    assert {each.id for each in list_networks(tmp_path / "link", None)} == later  # however it is reached
    for each in first:
        assert len(each.id) == 12 and set(each.id) <= set("0123456789abcdef")
        assert str(tmp_path) not in each.label


def test_the_commands_own_comes_first_and_once_with_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = run_of(tmp_path / "train" / "old", 200), run_of(tmp_path / "train" / "new", 100)
    monkeypatch.chdir(old.parents[1])
    own = of_checkpoint(Path("checkpoints/best.ckpt"), ["ckpt=checkpoints/best.ckpt", "dataset.path=/moved", "seed=3"])
    assert own.words == ("ckpt=checkpoints/best.ckpt", "dataset.path=/moved")
    listed = list_networks(tmp_path, own)
    assert listed == [own, of_checkpoint(new)]
    assert own.label == of_checkpoint(old).label


def test_a_file_from_elsewhere_is_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "my,net.pth").write_bytes(b"")
    (tmp_path / SUMMARY).write_text('{"test_accuracy": 0.5}')  # of something else
    listed = of_checkpoint(tmp_path / "a b" / "my,net.pth")
    assert listed.label == "my,net.pth (a b)"
    assert listed.words == (f"ckpt='{tmp_path}/a b/my,net.pth'",)
    monkeypatch.chdir(tmp_path / "a b")
    assert of_checkpoint(Path("my,net.pth")).id == listed.id


@pytest.mark.parametrize(
    "summary",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        "{}",
        '{"test_accuracy": "0.9"}',
        '{"test_accuracy": NaN}',
        '{"test_accuracy": Infinity}',
        '{"test_accuracy": true}',
        '{"test_accuracy": [0.5]}',
        "[" * 100_000,
    ],
)
def test_a_summary_that_says_nothing_is_no_trouble(tmp_path: Path, summary: str) -> None:
    run_of(tmp_path / "train" / "a", summary=summary)
    assert [each.label for each in list_networks(tmp_path, None)] == ["resnet20 model.width=0.5 on digits (a)"]


def test_files_that_are_no_text_are_no_trouble(tmp_path: Path) -> None:
    best = run_of(tmp_path / "train" / "a", summary="{}")
    for name in (SUMMARY, CONFIG):
        (tmp_path / "train" / "a" / name).write_bytes(b"\xff\xfe\x00\x80")
    assert [each.label for each in list_networks(tmp_path, None)] == ["best.ckpt (a)"]
    (best.parents[1] / CONFIG).unlink()
    assert [each.label for each in list_networks(tmp_path, None)] == ["best.ckpt (a)"]


def test_the_version_is_another_when_the_file_is(tmp_path: Path) -> None:
    best = run_of(tmp_path / "train" / "a", age=10)
    listed = of_checkpoint(best)
    before = listed.version
    assert of_checkpoint(best).version == before
    os.utime(best, (1_700_000_000,) * 2)
    assert listed.version != before
    best.unlink()
    with pytest.raises(UserError, match=r"the checkpoint of resnet20 .* \(a\) is gone"):
        _ = listed.version


def config(dataset: str, model: str) -> DictConfig:
    return OmegaConf.create({"dataset": {"name": dataset}, "model": {"name": model}})


def test_torchvisions_weights_are_named_by_the_commands_words() -> None:
    words = ["dataset=imagenet", "model=resnet18", "method=lrp", "trainer=cpu", "dataset.image_size=112"]
    listed = pretrained(config("imagenet", "resnet18"), words)
    assert listed.label == "resnet18 on ImageNet (torchvision's weights)"
    assert listed.words == ("dataset=imagenet", "model=resnet18", "dataset.image_size=112")
    assert (listed.file, listed.version) == (None, 0)
    assert listed.id == pretrained(config("imagenet", "resnet18"), words[:2] + words[4:]).id
    assert listed.id != pretrained(config("imagenet", "resnet50"), ["dataset=imagenet", "model=resnet50"]).id


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("dataset=cub", True),
        ("model=vgg11", True),
        ("model.width=0.5", True),
        ("ckpt=a.ckpt", True),
        ("+experiment=quickstart", True),
        ("dataset.path=/photos", True),
        ("dataset.image_size=64", True),
        ("dataset.data_dir=/data", False),
        ("dataset.batch_size=4", False),
        ("method=lrp", False),
        ("method.model=3", False),
        ("data_dir=/data", False),
    ],
)
def test_which_words_name_a_network(word: str, names: bool) -> None:
    assert is_named([word]) is names
    assert is_named(["seed=1", word]) is names
    assert not is_named([])


@settings(max_examples=40)
@given(JSON)
def test_nothing_but_a_listed_id_finds_a_network(value: object) -> None:
    listed = [Listed(id, id, ()) for id in ("0a1b", "", "None")]
    if isinstance(value, str) and value in ("0a1b", "", "None"):
        assert find(value, listed).id == value
        return
    with pytest.raises(UserError, match="no such network in the list"):
        find(value, listed)
