"""Grad-CAM++ against its formula, the derivatives it stands for, and grad-cam."""

from math import exp
from pathlib import Path

import pytest
import torch
from pytorch_grad_cam import GradCAMPlusPlus as TheirGradCAMPlusPlus
from torch import Tensor, nn

from relprop.explainers.cam_layers import upsample
from relprop.explainers.gradcam_plus_plus import GradCAMPlusPlus
from tests.configs import composed
from tests.explainers.cam_reference import case


def literally(activations: Tensor, gradients: Tensor) -> Tensor:
    """Eq. 5, 19 and 20, position by position."""
    cams = torch.zeros_like(activations[:, 0])
    for n, (maps, slopes) in enumerate(zip(activations, gradients, strict=True)):
        for a, g in zip(maps, slopes, strict=True):
            total, weight = a.sum().item(), 0.0
            for slope in g.flatten().tolist():
                if slope != 0:
                    weight += slope**2 / (2 * slope**2 + total * slope**3) * max(slope, 0)
            cams[n] += weight * a
    return cams.clamp(min=0)


@pytest.mark.parametrize("layer", ["body", "act"])
def test_is_the_formula(layer: str) -> None:
    model, images, target, activations, gradients = case(layer)
    attribution = GradCAMPlusPlus(model, layer)(images, target)
    torch.testing.assert_close(attribution.sum(1), upsample(literally(activations, gradients), (12, 12)))
    assert attribution.min() >= 0
    assert attribution.max() > 0


def test_alpha_is_the_ratio_of_the_derivatives_of_the_exponential() -> None:
    """Eq. 10 with Y = exp(y), differentiated by autograd: y = w · A, one map."""
    w = torch.tensor([0.5, -0.3, 0.2, 0.0]).double()
    a = torch.tensor([1.0, 2.0, 0.5, 3.0]).double()
    weight = 0.0
    for i in range(3):  # where the slope is zero there is no weight
        moved = a[i].clone().requires_grad_()
        score = (w @ torch.stack([*a[:i], moved, *a[i + 1 :]])).exp()
        derivatives = [score]
        for _ in range(3):
            derivatives += torch.autograd.grad(derivatives[-1], moved, create_graph=True)
        _, first, second, third = (d.item() for d in derivatives)
        weight += second / (2 * second + a.sum().item() * third) * max(first, 0)
    expected = weight / exp(w @ a) * a  # exp(y) is left out
    cam = GradCAMPlusPlus(nn.Identity()).combine(a.view(1, 1, 2, 2), w.view(1, 1, 2, 2))
    torch.testing.assert_close(cam.flatten(), expected)


def test_agrees_with_grad_cam_but_for_its_stabilizer() -> None:
    """grad-cam adds 1e-6 to the denominator, which is nothing beside gradients of this size."""
    torch.manual_seed(0)
    activations, gradients = torch.rand(2, 5, 4, 4).double(), 100 * torch.randn(2, 5, 4, 4).double()
    model = nn.Sequential(nn.Conv2d(3, 5, 3))
    with TheirGradCAMPlusPlus(model, [model[0]]) as cam:
        theirs = cam.get_cam_image(None, None, None, activations.numpy(), gradients.numpy())
    mine = GradCAMPlusPlus(model).combine(activations, gradients)
    torch.testing.assert_close(mine, torch.from_numpy(theirs).clamp(min=0), rtol=1e-5, atol=0)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e15])
def test_tiny_and_large_gradients_count(scale: float) -> None:
    """g² of 1e-30 is zero in float32."""
    activations = torch.rand(1, 3, 4, 4)
    cam = GradCAMPlusPlus(nn.Identity()).combine(activations, torch.full_like(activations, scale))
    assert cam.isfinite().all()
    assert (cam > 0).all()


@pytest.mark.parametrize("gradient", [-1.0, 0.0, 2.0])
def test_maps_that_are_zero_and_denominators_of_zero_give_no_nan(gradient: float) -> None:
    """With 2 and Σ A = -1 the denominator is zero."""
    activations = torch.tensor([-2.0, 1.0, 1.0, -1.0]).view(1, 1, 2, 2)
    cam = GradCAMPlusPlus(nn.Identity()).combine(activations, torch.full_like(activations, gradient))
    assert torch.equal(cam, torch.zeros(1, 2, 2))


def test_the_name_can_be_written_on_the_command_line(tmp_path: Path) -> None:
    assert composed("visualize", tmp_path, "method=gradcam++").method.name == "gradcam++"
