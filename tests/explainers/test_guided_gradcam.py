"""Guided Grad-CAM against captum and its two factors."""

import pytest
import torch
from captum import attr

from relprop.explainers.gradcam import GradCAM
from relprop.explainers.guided_backprop import GuidedBackprop
from relprop.explainers.guided_gradcam import GuidedGradCAM
from relprop.models import build_model
from tests.networks import Functional


@pytest.mark.filterwarnings("ignore:Setting .* hooks on ReLU activations")
@pytest.mark.parametrize("name", ["resnet20", "squeezenet1_0"])
def test_agrees_with_captum(name: str) -> None:
    torch.manual_seed(0)
    model, images = build_model(name, num_classes=10, image_size=32).eval(), torch.randn(2, 3, 32, 32)
    target = model(images).argmax(1)
    mine = GuidedGradCAM(model)
    layer = model.get_submodule(mine.gradcam.layer.name(images))
    theirs = attr.GuidedGradCam(model, layer).attribute(
        images.clone().requires_grad_(), target, interpolate_mode="bilinear"
    )
    assert theirs.abs().max() > 0
    torch.testing.assert_close(mine(images, target), theirs.detach(), rtol=1e-3, atol=1e-4 * theirs.abs().max().item())


@pytest.mark.parametrize("layer", [None, "down"])
def test_is_the_product_of_its_factors(layer: str | None) -> None:
    torch.manual_seed(0)
    model, images, target = Functional().eval(), torch.randn(5, 3, 16, 16), torch.tensor([0, 1, 2, 3, 4])
    cam = GradCAM(model, layer)(images, target).sum(1, keepdim=True)
    expected = GuidedBackprop(model)(images, target) * cam
    assert expected.min() < 0 < expected.max()
    torch.testing.assert_close(GuidedGradCAM(model, layer, max_batch=2)(images, target), expected)
    torch.testing.assert_close(GuidedGradCAM(model, layer, positive=True)(images, target), expected.clamp(min=0))
