"""Every whole experiment composes, trains on real data for one batch, and explains two images with what came of it."""

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model_weights, resnet50

from relprop.experiment import train, visualize
from relprop.runs import choose_checkpoint
from tests.configs import composed, options

SHORT = ("trainer.accelerator=cpu", "logger=csv", "dataset.batch_size=2", "dataset.epochs=1")
ONE_BATCH = tuple(f"+trainer.limit_{part}_batches=1" for part in ("train", "val", "test"))
TWO_IMAGES = ("images=2", "metric=complexity", "logger=csv", "trainer=cpu")

WHOLE = ("cifar10", "imagenette")  # read at once, which takes a while


@pytest.fixture
def some_data(data_dir: Path, tmp_path: Path) -> Path:
    """A folder with the real data sets, with a few images of each class of those that are read whole."""
    folder = tmp_path / "data"
    folder.mkdir()
    for dataset in data_dir.iterdir():
        if not dataset.name.startswith(WHOLE):
            (folder / dataset.name).symlink_to(dataset)
    for classes in (path for name in WHOLE for path in data_dir.glob(f"{name}*/*/*/")):
        some = folder / classes.relative_to(data_dir)
        some.mkdir(parents=True)
        for image in islice(classes.glob("*.*"), 12):
            (some / image.name).symlink_to(image)
    return folder


@pytest.fixture
def imagenet_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ResNet-50 that nobody has trained, where torchvision keeps what it downloads."""
    file = tmp_path / "hub" / "checkpoints" / get_model_weights("resnet50")["IMAGENET1K_V1"].url.rpartition("/")[2]
    file.parent.mkdir(parents=True)
    torch.save(resnet50(weights=None).state_dict(), file)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))


@pytest.mark.data
@pytest.mark.parametrize("name", options("experiment"))
def test_experiment_runs(name: str, some_data: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    config = composed("train", tmp_path, f"experiment={name}", f"data_dir={some_data}", *SHORT, *ONE_BATCH)
    if config.weights == "imagenet":
        request.getfixturevalue("imagenet_weights")
    train(config)
    summary = json.loads((Path(config.run_dir) / "summary.json").read_text())
    assert (summary["dataset"], summary["model"]) == (config.dataset.name, config.model.name)
    assert summary["epochs"] == 1
    config = composed("visualize", tmp_path, f"experiment={name}", f"data_dir={some_data}", *TWO_IMAGES)
    visualize(config, choose_checkpoint(config))
    assert len((Path(config.run_dir) / "results.jsonl").read_text().splitlines()) == 2


def test_otsukis_training_is_the_papers(tmp_path: Path) -> None:
    config = composed("train", tmp_path, "experiment=otsuki2024_cub")
    assert (config.dataset.name, config.model.name, config.optimizer.name) == ("cub", "resnet50", "sgd")
    assert (config.optimizer.lr, config.optimizer.weight_decay, config.dataset.batch_size) == (1e-3, 1e-4, 32)
    assert (config.trainer.max_epochs, config.patience, config.weights) == (300, 6, "imagenet")
