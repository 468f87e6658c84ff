"""The registry: what holds for every network in it."""

from functools import cache

import pytest
import torch
from torchvision.models import get_model

from relprop.errors import UserError
from relprop.lrp.graph import Kind
from relprop.lrp.tracing import trace
from relprop.models import build_model, list_models
from relprop.models.attention_branch import AttentionBranchNetwork
from relprop.models.resnet import RESNETS
from relprop.models.vgg import VGGS

EVERY_MODEL = [(name, image_size) for name in list_models() for image_size in (32, 224)]


@cache
def _build(name, image_size):
    with torch.device("meta"):  # shapes only: VGG's own head has 120 million weights
        return build_model(name, num_classes=7, image_size=image_size).eval()


@pytest.mark.parametrize(("name", "image_size"), [*EVERY_MODEL, ("vgg11", 64), ("vgg11", 96), ("resnet18", 64)])
def test_every_model_gives_logits_of_the_classes(name, image_size):
    images = torch.empty(2, 3, image_size, image_size, device="meta")
    assert _build(name, image_size)(images).shape == (2, 7)


@pytest.mark.parametrize(("name", "image_size"), EVERY_MODEL)
def test_every_model_can_be_explained(name, image_size):
    model = _build(name, image_size)
    attention = isinstance(model, AttentionBranchNetwork)
    training_only = {model.branch.logits.conv} if attention else set()
    steps = trace(model).steps
    weighted = {step.module for step in steps if step.kind in (Kind.CONV, Kind.LINEAR)}
    layers = {m for m in model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)}
    assert weighted == layers - training_only
    blocks = [m for m in model.modules() if type(m).__name__ in ("BasicBlock", "Bottleneck", "DarkBlock")]
    assert sum(step.kind is Kind.ADD for step in steps) == len(blocks) + attention
    assert sum(step.kind is Kind.PRODUCT for step in steps) == attention


@pytest.mark.parametrize("name", [*VGGS, *RESNETS])
def test_torchvisions_weights_fit_at_224_pixels(name):
    with torch.device("meta"):
        theirs = get_model(name, num_classes=7).state_dict()
    ours = _build(name, 224).state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: v.shape for key, v in theirs.items()}


def test_list_models_names_all_families():
    some = {
        "vgg11",
        "vgg16_bn",
        "resnet18",
        "resnet152",
        "resnet20",
        "resnet110",
        "darknet19",
        "darknet53",
        "abn_resnet20",
    }
    assert some <= set(list_models())
    assert len(list_models()) == len(set(list_models())) == 32


def test_unknown_options_are_refused_with_those_that_there_are():
    with pytest.raises(UserError, match="model=resnet20 has no option 'branch'; it takes: none"):
        build_model("resnet20", num_classes=10, image_size=32, branch="layer2")
    with pytest.raises(UserError, match="model=abn_resnet20 has no option 'depth'; it takes: branch"):
        build_model("abn_resnet20", num_classes=10, image_size=32, depth=20)


def test_unknown_name_lists_the_valid_ones():
    with pytest.raises(UserError, match=r"model=resnet19 is unknown; choose one of: vgg11, .*abn_resnet110"):
        build_model("resnet19", num_classes=10, image_size=32)


@pytest.mark.parametrize(
    ("num_classes", "image_size", "message"),
    [(0, 32, "num_classes=0"), (10, 0, "image_size=0")],
)
def test_impossible_numbers_are_named(num_classes, image_size, message):
    with pytest.raises(UserError, match=message):
        build_model("resnet20", num_classes=num_classes, image_size=image_size)
