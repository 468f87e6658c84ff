import pytest
import torch
from omegaconf import OmegaConf
from tests.configs import composed

from relprop import LRP
from relprop.errors import UserError
from relprop.models import build_model
from relprop.models.vgg import VGGS, vgg
from relprop.runs import network_of


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


@pytest.mark.parametrize("name", ["vgg11", "vgg16_bn"])
def test_width_multiplies_the_channels(name):
    with torch.device("meta"):
        whole, quarter = vgg(name, 10, 32), vgg(name, 10, 32, width=0.25)
    for (key, wide), (other, narrow) in zip(whole.state_dict().items(), quarter.state_dict().items(), strict=True):
        assert key == other
        for position, (many, few) in enumerate(zip(wide.shape, narrow.shape, strict=True)):
            fixed = many == 10 or many == 3  # classes, colours, and the side of the convolutions
            assert few == (many if fixed else many // 4), (key, position)


def test_width_of_one_is_what_there_was_before():
    torch.manual_seed(0)
    before = vgg("vgg11", 10, 32).state_dict()
    torch.manual_seed(0)
    after = vgg("vgg11", 10, 32, width=1.0).state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_narrow_network_is_explained():
    torch.manual_seed(0)
    network, images = vgg("vgg11_bn", 10, 32, width=0.25).eval(), torch.randn(2, 3, 32, 32)
    assert network(images).shape == (2, 10)
    relevance = LRP(network, "zplus", start="one").attribute(images)
    assert relevance.shape == images.shape
    assert relevance.sum((1, 2, 3)).tolist() == pytest.approx([1, 1], rel=0.05)


def test_torchvisions_form_has_one_width():
    with pytest.raises(UserError, match=r"model.width=0.5 was given, but vgg13 for images of more than 64 pixels"):
        vgg("vgg13", 10, 65, width=0.5)
    with pytest.raises(UserError, match="model=resnet20 has no option 'width'; it takes: none"):
        build_model("resnet20", num_classes=10, image_size=32, width=0.5)


def test_runs_from_before_there_were_widths_are_of_the_usual_one(tmp_path):
    narrow, usual = (composed("train", tmp_path, "model=vgg11", f"model.width={width}") for width in (0.5, 1.0))
    before = OmegaConf.create({"model": {"name": "vgg11"}})
    assert network_of(usual) == network_of(before) == "vgg11"
    assert network_of(narrow) == "vgg11 model.width=0.5"
