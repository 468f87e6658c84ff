"""Grad-CAM against its formula written as loops, captum, and grad-cam."""

import pytest
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM as TheirGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from relprop.explainers.cam_layers import upsample
from relprop.explainers.gradcam import GradCAM
from relprop.models import build_model
from tests.explainers.cam_reference import case
from tests.slim import slim


def literally(activations: Tensor, gradients: Tensor) -> Tensor:
    """Σ_k α_k A_k, position by position."""
    cams = []
    for maps, slopes in zip(activations.tolist(), gradients.tolist(), strict=True):
        alpha = [sum(map(sum, slope)) / (len(slope) * len(slope[0])) for slope in slopes]
        cells = [[list(column) for column in zip(*rows, strict=True)] for rows in zip(*maps, strict=True)]
        cams.append([[sum(a * v for a, v in zip(alpha, cell, strict=True)) for cell in row] for row in cells])
    return torch.tensor(cams, dtype=torch.float64)


@pytest.mark.parametrize("layer", ["body", "act"])
@pytest.mark.parametrize("positive", [True, False])
def test_is_the_formula(layer: str, positive: bool) -> None:
    model, images, target, activations, gradients = case(layer)
    cam = literally(activations, gradients)
    assert (cam < 0).any()
    expected = upsample(cam.clamp(min=0) if positive else cam, (12, 12))
    attribution = GradCAM(model, layer, positive=positive)(images, target)
    torch.testing.assert_close(attribution.sum(1), expected)
    torch.testing.assert_close(attribution[:, 0], attribution[:, 2])


@pytest.mark.parametrize("name", ["vgg11_bn", "resnet18", "squeezenet1_0"])
def test_agrees_with_captum(name: str) -> None:
    """On the layer that is found: one with an in-place ReLU inside, and one that is called several times."""
    torch.manual_seed(0)
    model, images = slim(name, 32).double().eval(), torch.randn(2, 3, 32, 32).double()
    target = model(images).argmax(1)
    mine = GradCAM(model)
    layer = model.get_submodule(mine.layer.name(images))
    theirs = LayerGradCam(model, layer).attribute(images, target, relu_attributions=True).detach()
    assert theirs.abs().sum() > 0
    torch.testing.assert_close(mine(images, target).sum(1), upsample(theirs[:, 0], (32, 32)))


def test_agrees_with_grad_cam_up_to_its_normalisation() -> None:
    """Which is min and max of every image, after it was enlarged by the same interpolation but for rounding."""
    torch.manual_seed(0)
    model, images = build_model("resnet20", num_classes=10, image_size=32).eval(), torch.randn(2, 3, 32, 32)
    target = model(images).argmax(1)
    with TheirGradCAM(model, [model.layer3]) as cam:
        theirs = torch.from_numpy(cam(images, [ClassifierOutputTarget(c) for c in target.tolist()]))
    mine = GradCAM(model)(images, target).sum(1)
    low, high = mine.amin((1, 2), keepdim=True), mine.amax((1, 2), keepdim=True)
    torch.testing.assert_close((mine - low) / (high - low), theirs, rtol=0, atol=2e-3)


class Against(nn.Module):
    """A network whose first logit falls with every activation of "body"."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(True))

    def forward(self, x: Tensor) -> Tensor:
        sums = self.body(x).mean((1, 2, 3))
        return torch.stack([-sums, sums], 1)


@pytest.mark.parametrize("positive", [True, False])
def test_where_everything_speaks_against_the_class_the_map_is_zero(positive: bool) -> None:
    attribution = GradCAM(Against(), "body", positive=positive)(torch.randn(2, 3, 8, 8), 0)
    assert (attribution == 0).all() == positive
    assert attribution.isfinite().all()


def test_at_maps_of_the_classes_it_is_the_map_of_the_class() -> None:
    """CAM (Zhou et al. 2016): SqueezeNet averages one map for each class."""
    torch.manual_seed(0)
    model, images = build_model("squeezenet1_0", num_classes=10, image_size=32).eval(), torch.randn(2, 3, 32, 32)
    target = model(images).argmax(1)
    with torch.no_grad():
        maps = model.classifier[:3](model.features(images))
    expected = maps[torch.arange(2), target] / maps[0, 0].numel()
    torch.testing.assert_close(GradCAM(model)(images, target).sum(1), upsample(expected, (32, 32)))


def test_classes_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match=r"target classes must be in 0…1, not \[2, 2\]"):
        GradCAM(Against(), "body")(torch.randn(2, 3, 8, 8), 2)
    with pytest.raises(ValueError, match=r"the model must return logits \(N, classes\), not \(2, 4, 6, 6\)"):
        GradCAM(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), "0")(torch.randn(2, 3, 8, 8), 0)
