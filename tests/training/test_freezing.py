"""What is frozen stays as it is, bit by bit, and what is not is trained."""

import pytest
import torch
from torch import nn

from relprop.errors import UserError
from relprop.models import build_model
from relprop.training.freezing import freeze
from tests.training.fitting import Recorder, classifier, fit


@pytest.mark.parametrize(
    ("model", "what", "trained"),
    [
        ("resnet20", "all_but_head", ("linear",)),
        ("resnet20", "last_3", ("layer3.2.conv1", "layer3.2.bn1", "layer3.2.conv2", "layer3.2.bn2", "linear")),
        ("vgg11_bn", "last_3", ("features.25", "features.26", "classifier.0", "classifier.3")),
        ("resnet18", "last_4", ("layer4.1.conv1", "layer4.1.bn1", "layer4.1.conv2", "layer4.1.bn2", "fc", "layer4.0")),
    ],
)
def test_names_of_what_is_trained(model: str, what: str, trained: tuple[str, ...]) -> None:
    with torch.device("meta"):
        network = build_model(model, num_classes=10, image_size=32)
    norms = freeze(network, what)
    names = {name.rpartition(".")[0] for name, p in network.named_parameters() if p.requires_grad}
    if model == "resnet18":  # of whose last block but one the shortcut is named last
        trained = (*trained[:-1], "layer4.0.downsample.0", "layer4.0.downsample.1")
    assert names == set(trained)
    every = {name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert set(norms) == every - names


def test_nothing_is_frozen_by_default() -> None:
    network = build_model("resnet20", num_classes=10, image_size=32)
    assert freeze(network, "none") == []
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("what", ["all_but_head", "last_2"])
def test_frozen_weights_and_statistics_stay_bit_by_bit(what: str) -> None:
    module = classifier(model="resnet20", freeze=what)
    before = {name: value.clone() for name, value in module.model.state_dict().items()}
    modes = []

    class Modes(Recorder):
        def on_train_batch_end(self, *arguments: object) -> None:
            modes.append({name for name, m in module.model.named_modules() if not m.training})

    fit(module, Modes(), epochs=2)
    changed = {name for name, value in module.model.state_dict().items() if not torch.equal(value, before[name])}
    last_block = {f"layer3.2.bn2.{name}" for name in ("weight", "bias", "running_mean", "running_var")}
    last_block |= {"layer3.2.bn2.num_batches_tracked", "layer3.2.conv2.weight"}
    assert changed == {"linear.weight", "linear.bias"} | (last_block if what == "last_2" else set())
    norms = {name for name, m in module.model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    trained_norms = {"layer3.2.bn2"} if what == "last_2" else set()
    assert all(mode == norms - trained_norms for mode in modes) and len(modes) == 6


@pytest.mark.parametrize("what", ["last_0", "last_", "first_2", "head", "last_2.5", "last_-1"])
def test_what_is_not_known_is_refused(what: str) -> None:
    with pytest.raises(UserError, match=f"freeze={what} is not valid; choose one of: none, all_but_head, last_N"):
        freeze(nn.Linear(1, 1), what)


def test_more_layers_than_there_are_are_refused() -> None:
    with torch.device("meta"):
        network = build_model("resnet20", num_classes=10, image_size=32)
    freeze(network, "last_20")
    assert all(p.requires_grad for p in network.parameters())
    with pytest.raises(UserError, match="CifarResNet has 20 layers with weights; choose last_1 to last_20, or none"):
        freeze(network, "last_21")
