from pathlib import Path

import pytest
import torch

from relprop.checkpoints import load_network
from relprop.data import build_datamodule
from relprop.errors import UserError
from relprop.models import build_model
from relprop.training import Classifier

DIGITS = build_datamodule("digits")


def saved(path: Path, model: str, classes: int = 10) -> Path:
    """Weights as `torch.save(model.state_dict())` leaves them."""
    torch.save(build_model(model, num_classes=classes, image_size=32).state_dict(), path)
    return path


def test_loads_weights_from_elsewhere(tmp_path: Path) -> None:
    path = saved(tmp_path / "weights.pth", "resnet20")
    network, origin = load_network(path, "resnet20", DIGITS)
    expected = torch.load(path, weights_only=True)
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())
    assert origin == f"resnet20 from {path}"


def test_imagenet_without_a_checkpoint_takes_torchvisions_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("relprop.checkpoints.pretrained", lambda name: asked.append(name) or torch.nn.Identity())
    _, origin = load_network(None, "resnet50", build_datamodule("imagenet"))
    assert asked == ["resnet50"]
    assert origin == "resnet50 with torchvision's ImageNet weights"


def test_a_checkpoint_says_what_it_is_of(tmp_path: Path) -> None:
    options = {"name": "sgd", "lr": 0.1, "weight_decay": 0.0}
    classifier = Classifier("digits", "resnet20", list(DIGITS.class_names), 32, options, {"name": "cosine"})
    path = tmp_path / "moved.ckpt"
    torch.save({"state_dict": classifier.state_dict(), "hyper_parameters": dict(classifier.hparams)}, path)
    load_network(path, "resnet20", DIGITS)
    with pytest.raises(UserError, match="is of resnet20 on digits, not of vgg11 on digits; say model=resnet20"):
        load_network(path, "vgg11", DIGITS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda path: saved(path, "resnet32"), "holds the weights of another network than CifarResNet"),
        (lambda path: saved(path, "resnet20", classes=5), "has a head of 5 classes, but this CifarResNet one of 10"),
        (lambda path: path.write_bytes(b"no checkpoint"), "is not a checkpoint of torch or is damaged"),
        (lambda path: torch.save({"state_dict": {}}, path), "does not hold a state dict"),
    ],
)
@pytest.mark.parametrize("suffix", [".ckpt", ".pth"])
def test_what_does_not_fit_is_refused_in_one_line(content, message: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    content(path)
    with pytest.raises(UserError, match=message) as refusal:
        load_network(path, "resnet20", DIGITS)
    assert "\n" not in str(refusal.value)


@pytest.fixture
def trained_with_layer1(tmp_path: Path) -> Path:
    """A checkpoint of a Classifier whose attention branch comes after layer1."""
    sgd, options = {"name": "sgd", "lr": 0.1, "weight_decay": 0.0}, {"branch": "layer1"}
    classes = list(DIGITS.class_names)
    classifier = Classifier("digits", "abn_resnet20", classes, 32, sgd, {"name": "cosine"}, options)
    content = {"state_dict": classifier.state_dict(), "hyper_parameters": dict(classifier.hparams)}
    torch.save(content, tmp_path / "abn.ckpt")
    return tmp_path / "abn.ckpt"


def test_options_of_the_network_are_those_of_the_checkpoint(trained_with_layer1: Path, tmp_path: Path) -> None:
    for options in (None, {"branch": "layer1"}):
        network, _ = load_network(trained_with_layer1, "abn_resnet20", DIGITS, options)
        assert "layer2" in dict(network.perception.named_children())
    with pytest.raises(UserError, match="of abn_resnet20 with model.branch=layer1; say model.branch=layer1, not mod"):
        load_network(trained_with_layer1, "abn_resnet20", DIGITS, {"branch": "layer2"})
    torch.save(network.state_dict(), tmp_path / "weights.pth")  # which does not say
    load_network(tmp_path / "weights.pth", "abn_resnet20", DIGITS, {"branch": "layer1"})
    with pytest.raises(UserError, match="holds the weights of another network than AttentionBranchNetwork"):
        load_network(tmp_path / "weights.pth", "abn_resnet20", DIGITS)


def test_networks_of_old_checkpoints_have_no_options(tmp_path: Path) -> None:
    network = build_model("resnet20", num_classes=10, image_size=32)
    content = {"state_dict": network.state_dict(), "hyper_parameters": {"dataset": "digits", "model": "resnet20"}}
    torch.save(content, tmp_path / "old.ckpt")
    for options in (None, {}):
        load_network(tmp_path / "old.ckpt", "resnet20", DIGITS, options)
