"""Training from a config: the network with its options, its own loss, and a checkpoint from which it comes back."""

import json
from pathlib import Path

import pytest
import torch

from relprop.checkpoints import load_network
from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.experiment.training import train
from relprop.runs import BEST
from tests.configs import composed

FEW = ("dataset.epochs=1", "+trainer.limit_train_batches=10", "+trainer.limit_test_batches=1", "logger=csv")


def test_an_attention_branch_network_is_trained_where_the_config_has_its_branch(tmp_path: Path) -> None:
    train(composed("train", tmp_path, "model=abn_resnet20", "model.branch=layer1", *FEW))
    run = tmp_path / "train" / "run"
    content = torch.load(run / BEST, weights_only=True)
    assert content["hyper_parameters"]["model_options"] == {"branch": "layer1"}
    summary = json.loads((run / "summary.json").read_text())
    assert summary["model"] == "abn_resnet20"
    assert summary["test_loss"] > 2  # of two branches that have hardly learned anything, log 10 each
    network, _ = load_network(run / BEST, "abn_resnet20", build_datamodule("digits"))
    assert "layer2" in dict(network.perception.named_children())
    assert all(torch.equal(v, content["state_dict"][f"model.{name}"]) for name, v in network.state_dict().items())


def test_a_place_that_the_network_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="branch=layer3 is not valid for this CifarResNet; choose one of: layer1"):
        train(composed("train", tmp_path, "model=abn_resnet20", "model.branch=layer3", *FEW))
