"""LayerCAM against its formula written as loops, and grad-cam."""

import pytest
import torch
from pytorch_grad_cam import LayerCAM as TheirLayerCAM
from torch import nn

from relprop.explainers.cam_layers import upsample
from relprop.explainers.layercam import LayerCAM
from tests.explainers.cam_reference import case


@pytest.mark.parametrize("layer", ["body", "act"])
def test_is_the_formula(layer: str) -> None:
    model, images, target, activations, gradients = case(layer)
    cam = torch.zeros(3, 5, 5).double()
    for n, k, i, j in torch.cartesian_prod(*(torch.arange(size) for size in activations.shape)).tolist():
        cam[n, i, j] += max(gradients[n, k, i, j].item(), 0) * activations[n, k, i, j].item()
    attribution = LayerCAM(model, layer)(images, target)
    torch.testing.assert_close(attribution.sum(1), upsample(cam.clamp(min=0), (12, 12)))
    assert (cam < 0).any()
    assert attribution.min() >= 0


def test_agrees_with_grad_cam() -> None:
    torch.manual_seed(0)
    activations, gradients = torch.rand(2, 5, 4, 4).double(), torch.randn(2, 5, 4, 4).double()
    model = nn.Sequential(nn.Conv2d(3, 5, 3))
    with TheirLayerCAM(model, [model[0]]) as cam:
        theirs = cam.get_cam_image(None, None, None, activations.numpy(), gradients.numpy(), False)
    torch.testing.assert_close(LayerCAM(model).combine(activations, gradients), torch.from_numpy(theirs))


def test_without_positive_gradients_the_map_is_zero() -> None:
    activations = torch.rand(1, 3, 4, 4)
    assert torch.equal(LayerCAM(nn.Identity()).combine(activations, -activations), torch.zeros(1, 4, 4))
