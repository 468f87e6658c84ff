"""Explaining a checkpoint without saying what it is of."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from relprop.adopting import adopted
from relprop.checkpoints import load_network, trained_config
from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.experiment import train
from relprop.runs import BEST, CONFIG, choose_checkpoint
from tests.configs import SCRIPTS, composed
from tests.processes import only, run

NARROW = ("model=vgg11", "model.width=0.125", "dataset.epochs=1", "+trainer.limit_train_batches=2", "logger=csv")


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The best checkpoint of a narrow VGG-11 on the digits."""
    folder = tmp_path_factory.mktemp("outputs")
    train(composed("train", folder, *NARROW))
    return folder / "train" / "run" / BEST


@pytest.fixture(scope="module")
def moved(best: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same file away from its run."""
    return Path(shutil.copy(best, tmp_path_factory.mktemp("elsewhere") / "vgg.ckpt"))


def asked(folder: Path, *words: str) -> DictConfig:
    return adopted(composed("visualize", folder, *words), words)


@pytest.mark.parametrize("place", ["best", "moved"])
def test_network_and_data_set_are_the_checkpoints(place: str, tmp_path: Path, request) -> None:
    path = request.getfixturevalue(place)
    config = asked(tmp_path, f"ckpt={path}", "dataset.per_class=3", "dataset.data_dir=/somewhere")
    assert (config.model.name, config.model.width, config.dataset.name) == ("vgg11", 0.125, "digits")
    assert (config.dataset.per_class, config.dataset.data_dir) == (3, "/somewhere")
    assert choose_checkpoint(config) == path
    network, _ = load_network(path, "vgg11", build_datamodule("digits"))
    assert network.features[0].out_channels == 8


def test_a_word_is_kept_and_refused_where_it_contradicts(best: Path, moved: Path, tmp_path: Path) -> None:
    for path in (best, moved):
        config = asked(tmp_path, f"ckpt={path}", "model=resnet20")
        assert (config.model.name, config.dataset.name) == ("resnet20", "digits")
    with pytest.raises(UserError, match="is of vgg11 model.width=0.125 on digits, not of resnet20 on digits"):
        choose_checkpoint(asked(tmp_path, f"ckpt={best}", "model=resnet20"))
    with pytest.raises(UserError, match="with model.width=0.125; say model.width=0.125, not model.width=0.5"):
        load_network(moved, "vgg11", build_datamodule("digits"), {"width": 0.5})


def test_other_classes_are_named(moved: Path, tmp_path: Path) -> None:
    content = torch.load(moved, weights_only=True)
    content["hyper_parameters"]["class_names"][3] = "three"
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="class 3 is 'three', not '3'"):
        load_network(tmp_path / "other.ckpt", "vgg11", build_datamodule("digits"))
    content["hyper_parameters"]["class_names"].append("ten")
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(UserError, match="is of 11 classes, but digits has 10"):
        load_network(tmp_path / "other.ckpt", "vgg11", build_datamodule("digits"))


def test_words_without_a_file_change_nothing(tmp_path: Path) -> None:
    for ckpt in ("auto", "train", tmp_path / "nowhere.ckpt"):
        words = (f"ckpt={ckpt}", "model=resnet32")
        assert asked(tmp_path, *words) == composed("visualize", tmp_path, *words)


def test_what_is_found_is_explained_at_the_size_that_it_was_trained_at(tmp_path: Path) -> None:
    words = ("dataset=imagenette", "model=resnet18")
    run = tmp_path / "train" / "run"
    (run / BEST).parent.mkdir(parents=True)
    (run / BEST).touch()
    OmegaConf.save(composed("train", tmp_path, *words, "dataset.image_size=96", "dataset.batch_size=7"), run / CONFIG)
    config = asked(tmp_path, *words)
    assert choose_checkpoint(config) == run / BEST
    assert config.dataset == {**composed("visualize", tmp_path, *words).dataset, "image_size": 96}
    assert asked(tmp_path, *words, "dataset.image_size=64").dataset.image_size == 64


def test_a_checkpoint_says_where_it_comes_from(moved: Path) -> None:
    content = torch.load(moved, weights_only=True)["relprop"]
    config = trained_config(moved)
    assert (config.seed, config.model.width, config.optimizer.name) == (0, 0.125, "adamw")
    assert content["versions"]["torch"] and "git_commit" in content
    assert torch.load(moved, weights_only=True)["hyper_parameters"]["class_names"] == list("0123456789")


@pytest.mark.parametrize("config", ["{", "- 1", "model: {name: vgg11}", "a: ${"])
def test_a_checkpoint_whose_config_means_nothing_says_nothing(config: str, moved: Path, tmp_path: Path) -> None:
    content = torch.load(moved, weights_only=True)
    torch.save({**content, "relprop": {"config": config}}, tmp_path / "odd.ckpt")
    assert trained_config(tmp_path / "odd.ckpt") is None


def test_a_checkpoint_of_an_earlier_version_says_less_and_loads(moved: Path, tmp_path: Path) -> None:
    content = torch.load(moved, weights_only=True)
    del content["relprop"], content["hyper_parameters"]["recipe"]
    torch.save(content, tmp_path / "old.ckpt")
    assert trained_config(tmp_path / "old.ckpt") is None
    words = (f"ckpt={tmp_path / 'old.ckpt'}", "model=vgg11", "model.width=0.125")
    config = asked(tmp_path, *words)
    load_network(choose_checkpoint(config), config.model.name, build_datamodule("digits"), {"width": 0.125})


@pytest.mark.slow
def test_explained_by_no_other_word_than_the_file(moved: Path, tmp_path: Path) -> None:
    script = [sys.executable, str(SCRIPTS / "visualize.py"), f"ckpt={moved}", f"output_dir={tmp_path}"]
    run(*script, "images=4", "sheet=2", "method=gradient", "logger=csv", cwd=tmp_path)
    assert '"model": "vgg11"' in only(tmp_path, "visualize/*/summary.json").read_text()


class Malicious:
    """Pickles as a call of os.system that leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("place", ["state_dict", "hyper_parameters", "relprop", "optimizer_states"])
def test_a_malicious_file_runs_no_code(place: str, moved: Path, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "malicious.ckpt"
    content = torch.load(moved, weights_only=True)
    torch.save({**content, place: Malicious(mark)}, path)
    torch.load(path, weights_only=False)  # the file does what it is made for
    assert mark.exists()
    mark.unlink()
    config = asked(tmp_path, f"ckpt={path}")
    with pytest.raises(UserError, match=r"was not loaded: it holds \S*system, which could run code"):
        load_network(path, config.model.name, build_datamodule("digits"))
    with pytest.raises(UserError, match="which could run code"):
        train(composed("train", tmp_path, f"weights={path}", *NARROW))
    assert not mark.exists()
