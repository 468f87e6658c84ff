import pytest
import torch

from relprop.errors import UserError
from relprop.models.vgg import VGGS, vgg


@pytest.mark.parametrize("name", VGGS)
def test_small_images_keep_the_convolutions_names(name):
    with torch.device("meta"):
        small, large = vgg(name, 10, 32).state_dict(), vgg(name, 10, 65).state_dict()
    shapes = {key: value.shape for key, value in small.items() if key.startswith("features.")}
    assert shapes == {key: value.shape for key, value in large.items() if key.startswith("features.")}
    assert small["classifier.0.weight"].shape == (512, 512)
    assert small["classifier.3.weight"].shape == (10, 512)


def test_signal_keeps_its_size_at_the_start():
    torch.manual_seed(0)
    logits = vgg("vgg11", 10, 32).eval()(torch.randn(4, 3, 32, 32))
    assert 0.1 < logits.std() < 10


def test_too_small_images_are_refused():
    with pytest.raises(UserError, match=r"image_size=31 was given, but vgg13 .* needs 32"):
        vgg("vgg13", 10, 31)
