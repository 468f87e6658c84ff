import pytest
import torch
from torch import nn

from relprop.models.cifar_resnet import CIFAR_RESNETS, PadShortcut, cifar_resnet


@pytest.mark.parametrize(
    ("name", "millions"),  # He et al. 2015, table 6
    [("resnet20", 0.27), ("resnet32", 0.46), ("resnet44", 0.66), ("resnet56", 0.85), ("resnet110", 1.7)],
)
def test_parameter_counts_of_the_paper(name, millions):
    count = sum(p.numel() for p in cifar_resnet(name, 10, 32).parameters()) / 1e6
    assert count == pytest.approx(millions, abs=0.05 if millions > 1 else 0.006)


@pytest.mark.parametrize("name", CIFAR_RESNETS)
def test_depth_counts_the_weighted_layers(name):
    layers = [m for m in cifar_resnet(name, 10, 32).modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == int(name.removeprefix("resnet"))


def test_shortcut_takes_every_second_pixel_and_pads_channels_on_both_sides():
    x = torch.arange(2 * 2 * 4 * 4.0).view(2, 2, 4, 4) + 1
    y = PadShortcut(2)(x)
    assert y.shape == (2, 4, 2, 2)
    assert torch.equal(y[:, 1:3], x[:, :, ::2, ::2])
    assert not y[:, [0, 3]].any()
    assert not list(PadShortcut(2).parameters())


def test_map_is_halved_twice():
    model = cifar_resnet("resnet20", 10, 32).eval()
    x = model.relu(model.bn1(model.conv1(torch.randn(1, 3, 32, 32))))
    shapes = [(x := stage(x)).shape[1:] for stage in (model.layer1, model.layer2, model.layer3)]
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
