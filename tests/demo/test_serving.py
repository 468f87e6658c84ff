"""A studio opened as the command says: its network, trained if there is none, and the words that hold for all."""

from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig

from relprop.demo import serving
from relprop.demo.choice import Choice
from relprop.demo.serving import open_studio
from relprop.demo.studio import Studio
from relprop.errors import UserError
from tests.configs import CONF, composed
from tests.demo.rooms import write_run


def opened(folder: Path, *words: str) -> Studio:
    """As `demo.py` with these words, with everything below `folder`."""
    return open_studio(composed("demo", folder, *words), CONF, words)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[DictConfig]:
    """The configs of the trainings from now on, which take no time."""
    configs: list[DictConfig] = []

    def train(config: DictConfig, checkpoint: Path | None, data: object) -> tuple[torch.nn.Module, Path]:
        configs.append(config)
        folder = Path(config.output_dir) / "train" / f"now{len(configs)}"
        return torch.nn.Identity(), write_run(folder, config.model.name)

    monkeypatch.setattr(serving, "network_for", train)
    return configs


def test_without_any_network_one_is_trained(tmp_path: Path, trained: list[DictConfig]) -> None:
    room = opened(tmp_path, "seed=3", "optimizer.lr=0.5")
    ((listed),) = room.networks()
    assert room.open(listed.id).name == "resnet20 on digits"
    assert [(config.dataset.name, config.model.name, config.optimizer.lr) for config in trained] == [
        ("digits", "resnet20", 0.5)
    ]
    assert len(opened(tmp_path).networks()) == 1 and len(trained) == 1  # now there is one


def test_any_network_will_do_where_none_is_named(tmp_path: Path, trained: list[DictConfig]) -> None:
    write_run(tmp_path / "reproduce" / "x" / "a")
    room = opened(tmp_path, "dataset.data_dir=/elsewhere", "dataset.batch_size=4", "seed=1")
    assert room.own is None and not trained
    network = room.open(room.networks()[0].id)
    assert network.name == "vgg11 on digits"
    assert (str(network.data.data_dir), network.data.batch_size) == ("/elsewhere", 4)


def test_the_named_network_is_the_first_or_trained(tmp_path: Path, trained: list[DictConfig]) -> None:
    wanted = write_run(tmp_path / "train" / "a", "vgg11")
    write_run(tmp_path / "train" / "b", "resnet20")
    words = (f"ckpt={wanted}", "dataset=digits", "seed=1")
    room = opened(tmp_path, *words)
    assert [each.label for each in room.networks()] == [
        "vgg11 model.width=0.125 on digits (a)",
        "resnet20 on digits (b)",
    ]
    assert room.networks()[0].words == words[:2]
    other = opened(tmp_path, "model=resnet32")
    assert other.networks()[0].label == "resnet32 on digits (now1)"
    anew = opened(tmp_path, "ckpt=train", "model=resnet20")
    assert anew.networks()[0].label == "resnet20 on digits (now2)"
    assert len(trained) == 2


def test_a_network_that_there_is_not_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no checkpoint of resnet20 on mnist below .*; make one with"):
        opened(tmp_path, "dataset=mnist")
    with pytest.raises(UserError, match="there is no checkpoint /nowhere.ckpt"):
        opened(tmp_path, "ckpt=/nowhere.ckpt")


def test_words_of_the_page_and_its_choices_hold_for_nothing_else(tmp_path: Path) -> None:
    write_run(tmp_path / "train" / "a")
    theirs = ("seed=7", "method.max_batch=4", "reduction=abs_sum", "composite.start=one", "data_dir=/x")
    page = ("host=127.0.0.1", "port=8000", "share=false", "protocol=samek2016", "protocol.seed=3")
    choices = ("method=[lrp,rise]", "composite=epsilon", "skip=simple", "method.relevance_filter=0.5")
    words = (*theirs, *page[:4], *choices)
    room = opened(tmp_path, *words)
    assert room.words == theirs
    hydra = (f"hydra.run.dir={tmp_path}", "hydra/job_logging=none", f"run_dir={tmp_path}/run", page[4])
    assert open_studio(room.config, CONF, (*words, *hydra)).words == theirs
    sentence = room.sentence(room.open(room.networks()[0].id), Choice(("lrp",)))
    assert [word for word in sentence if word in (*page, *choices)] == []
