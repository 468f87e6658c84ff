"""Training from a config: the network with its options, its own loss, and a checkpoint from which it comes back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from relprop.checkpoints import load_network
from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.experiment.training import train, train_into
from relprop.runs import BEST, LAST
from relprop.stopping import StoppedError
from relprop.training import Classifier
from relprop.unfinished import continued
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


# -- the folder of a training -----------------------------------------------------------------------------------------

TINY = ("model=vgg11", "model.width=0.125", "trainer.log_every_n_steps=1", "+trainer.limit_val_batches=1", *FEW)


def test_the_summary_has_the_recipe_and_what_came_of_it(tmp_path: Path) -> None:
    words = ("optimizer=sgd", "ema=0.9", "label_smoothing=0.1", "seed=3", "patience=1", "dataset.epochs=4")
    train(composed("train", tmp_path, *TINY, *words, "optimizer.lr=1e-6"))
    run = tmp_path / "train" / "run"
    summary, best = json.loads((run / "summary.json").read_text()), torch.load(run / BEST, weights_only=True)
    assert summary["recipe"]["ema"] == 0.9 and summary["recipe"]["label_smoothing"] == 0.1
    assert summary["optimizer"] == best["hyper_parameters"]["optimizer"]
    assert (summary["seed"], summary["best_epoch"], summary["epochs"]) == (3, best["epoch"], best["epoch"] + 2)
    assert summary["epochs"] < 4
    assert 0 <= summary["val_accuracy"] <= 1
    assert summary["seconds_per_epoch"] > 0 and summary["peak_memory_megabytes"] > 0
    assert not (tmp_path / "visualize").exists()


def test_a_loss_that_is_no_number_ends_it_and_leaves_nothing_to_continue(tmp_path: Path) -> None:
    words = (*TINY, "optimizer=sgd", "scheduler=constant", "optimizer.lr=1e30", "trainer.gradient_clip_val=null")
    with pytest.raises(UserError, match=r"the loss was (nan|inf) after step \d+, in epoch 0 .* learning rate 1e\+30"):
        train(composed("train", tmp_path, *words))
    assert not list((tmp_path / "train" / "run").glob("checkpoints/*"))
    with pytest.raises(UserError, match="there is no unfinished training"):
        continued(composed("train", tmp_path, "ckpt=last"), ["ckpt=last"])


def test_it_is_left_to_be_continued_after_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise StoppedError("stopped by SIGINT")

    monkeypatch.setattr(Classifier, "training_step", stop)
    with pytest.raises(StoppedError):
        train(composed("train", tmp_path, *TINY))
    run = tmp_path / "train" / "run"
    assert continued(composed("train", tmp_path, "ckpt=last"), ["ckpt=last"]).run_dir == str(run)


def test_what_is_trained_to_be_explained_can_be_continued_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`visualize.py ckpt=train` has another config, another folder, and a word that means nothing to a training."""
    monkeypatch.setattr(Classifier, "on_train_epoch_end", lambda *_: 1 / 0)
    config = composed("visualize", tmp_path, *TINY, "ckpt=train")
    with pytest.raises(ZeroDivisionError):
        train_into(tmp_path / "train" / "new", config)
    monkeypatch.undo()
    found = continued(composed("train", tmp_path, "ckpt=last"), ["ckpt=last"])
    assert (found.run_dir, found.ckpt) == (str(tmp_path / "train" / "new"), None)
    train(found, continues=True)
    assert (tmp_path / "train" / "new" / BEST).exists()


def test_a_trial_of_one_batch_writes_no_checkpoint(tmp_path: Path) -> None:
    train(composed("train", tmp_path, *TINY, "trainer.fast_dev_run=true"))
    assert not list((tmp_path / "train" / "run").glob("checkpoints/*"))
    assert json.loads((tmp_path / "train" / "run" / "summary.json").read_text())["epochs"] == 1


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from relprop.resuming import hold\n"
        "with hold(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "train" / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process is at work on"):
            train(composed("train", tmp_path, *TINY))
        other.communicate()
    assert not (tmp_path / "train" / "run" / "config.yaml").exists()


def test_what_is_refused_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    """Also by the optimizer or the network, which are made last; and weights may come from the folder itself."""
    train(composed("train", tmp_path, *TINY, "dataset.per_class=2"))
    run = tmp_path / "train" / "run"
    assert json.loads((run / "summary.json").read_text())["n"] == 20
    assert "lr-" in (run / "csv" / "metrics.csv").read_text().splitlines()[0]
    before = {name: (run / name).read_bytes() for name in ("summary.json", "config.yaml", BEST, LAST)}
    for words, said in (
        (["weights=nowhere.pt"], "There is no weights file .*/nowhere.pt"),
        (["weights=17"], "There is no weights file .*/17"),
        (["freeze=last_99"], "last_99"),
        (["optimizer.betas=[0.9]"], "optimizer=adamw refuses its options"),
    ):
        with pytest.raises(UserError, match=said):
            train(composed("train", tmp_path, *TINY, *words))
    assert {name: (run / name).read_bytes() for name in before} == before
    train(composed("train", tmp_path, *TINY, f"weights={run / BEST}"))
    assert OmegaConf.load(run / "config.yaml").weights == str(run / BEST)


def test_a_plateau_may_go_without_validation_for_an_epoch(tmp_path: Path) -> None:
    words = ("scheduler=plateau", "dataset.epochs=2", "+trainer.check_val_every_n_epoch=2")
    train(composed("train", tmp_path, *TINY, *words))
    assert (tmp_path / "train" / "run" / BEST).exists()
