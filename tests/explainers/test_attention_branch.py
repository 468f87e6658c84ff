"""The attention map of a network that has one, as an explanation."""

import copy

import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers.attention_branch import AttentionBranch
from relprop.models.attention_branch import AttentionBranchNetwork
from relprop.models.cifar_resnet import CifarResNet
from tests.networks import randomize_batchnorm

TARGET = torch.tensor([0, 3, 2])


@pytest.fixture(scope="module")
def model() -> AttentionBranchNetwork:
    torch.manual_seed(0)
    return randomize_batchnorm(AttentionBranchNetwork(CifarResNet(1, 4), "layer2"))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, 32, 24, generator=torch.Generator().manual_seed(1))


def enlarged(small: Tensor, height: int, width: int) -> Tensor:
    """Bilinear interpolation between the centres of the small pixels, one large pixel after the other."""
    rows, columns = small.shape
    large = torch.empty(height, width)
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * rows / height - 0.5, 0), rows - 1)
            x = min(max((j + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            dy, dx = y - top, x - left
            upper = small[top, left] * (1 - dx) + small[top, right] * dx
            lower = small[bottom, left] * (1 - dx) + small[bottom, right] * dx
            large[i, j] = upper * (1 - dy) + lower * dy
    return large


def test_channels_sum_up_to_the_enlarged_attention_map(model: AttentionBranchNetwork, images: Tensor) -> None:
    training = copy.deepcopy(model).train()
    attribution = AttentionBranch(training)(images, TARGET)
    assert attribution.shape == images.shape
    with torch.no_grad():
        attention = copy.deepcopy(model).eval().attention(images)
    assert attention.shape == (3, 16, 12)
    expected = torch.stack([enlarged(one, 32, 24) for one in attention])
    torch.testing.assert_close(attribution.sum(1), expected)
    assert torch.equal(attribution[:, 0], attribution[:, 2])
    assert attribution.min() > 0 and attribution.sum(1).max() < 1
    assert all(module.training for module in training.modules())


def test_the_map_is_the_same_for_every_class_and_batch(model: AttentionBranchNetwork, images: Tensor) -> None:
    explainer = AttentionBranch(model, max_batch=2)
    together = explainer(images, TARGET)
    assert torch.equal(explainer(images, TARGET + 1), together)
    assert torch.equal(explainer(images), together)
    singly = torch.cat([explainer(image[None]) for image in images])
    torch.testing.assert_close(singly, together)
    with torch.inference_mode():
        torch.testing.assert_close(explainer(images.clone(), TARGET.clone()), together)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_other_networks_are_refused_with_what_to_do() -> None:
    message = (
        "not a CifarResNet; train one with 'python scripts/train.py model=abn_resnet20' and say model=abn_resnet20"
    )
    with pytest.raises(UserError, match=message):
        AttentionBranch(CifarResNet(1, 4))
    with pytest.raises(UserError, match="not a Sequential"):
        AttentionBranch(nn.Sequential())
