import pytest
import torch
from torch import nn

from relprop.models.resnet import resnet


def test_beyond_64_pixels_the_stem_is_torchvisions():
    with torch.device("meta"):
        model = resnet("resnet18", 10, 65)
    assert model.conv1.kernel_size == (7, 7)
    assert isinstance(model.maxpool, nn.MaxPool2d)


@pytest.mark.parametrize("image_size", [32, 64])
def test_small_images_keep_their_size_until_the_second_stage(image_size):
    with torch.device("meta"):
        model = resnet("resnet18", 10, image_size)
        stem = nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool, model.layer1)
        assert stem(torch.empty(1, 3, image_size, image_size)).shape == (1, 64, image_size, image_size)


def test_new_stem_is_initialised_as_the_others():
    torch.manual_seed(0)
    weight = resnet("resnet18", 10, 32).conv1.weight
    assert weight.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.1)
