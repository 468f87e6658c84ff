"""The deconvolutional network against captum, on networks where its hooks see every ReLU, and on one with functions."""

import pytest
import torch
from captum import attr

from relprop.explainers.deconvnet import Deconvnet
from relprop.models import build_model
from tests.explainers.backprop_reference import Functions, Modules, deconvolved, walk_back


@pytest.mark.filterwarnings("ignore:Setting .* hooks on ReLU activations")
@pytest.mark.parametrize("name", ["vgg11_bn", "resnet20", "squeezenet1_0"])
def test_agrees_with_captum(name: str) -> None:
    torch.manual_seed(0)
    model, images = build_model(name, num_classes=10, image_size=32).eval(), torch.randn(2, 3, 32, 32)
    target = model(images).argmax(1)
    theirs = attr.Deconvolution(model).attribute(images.clone().requires_grad_(), target).detach()
    mine = Deconvnet(model)(images, target)
    assert theirs.abs().max() > 0
    torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())


@pytest.mark.parametrize("model", [Modules(), Functions()])
def test_is_the_walk_back_with_its_rule(model: Modules) -> None:
    torch.manual_seed(0)
    images, target = torch.randn(3, 3, 6, 6), torch.tensor([0, 2, 1])
    torch.testing.assert_close(Deconvnet(model)(images, target), walk_back(model, images, target, deconvolved))
    assert not any(module._backward_hooks for module in model.modules())


def test_positive_leaves_out_what_is_below_zero() -> None:
    torch.manual_seed(0)
    images, target = torch.randn(3, 3, 6, 6), torch.tensor([0, 2, 1])
    signed, positive = (Deconvnet(Modules(), positive=p)(images, target) for p in (False, True))
    assert torch.equal(positive, signed.clamp(min=0))
    assert signed.min() < 0
