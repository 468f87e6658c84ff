"""Gradient-like composites against autograd and captum, in float64 and float32."""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from captum.attr import Deconvolution, GuidedBackprop, InputXGradient
from torch import Tensor, nn
from torchvision.models import resnet18

from relprop.errors import UserError
from relprop.lrp import LRP, Composite, OfKind
from relprop.lrp.gradients import DeconvReLU, Derivative, GuidedReLU, Transposed
from relprop.lrp.graph import Kind
from relprop.lrp.operations import MODULES
from tests.golden_files import relative_error
from tests.networks import Functional, PreActivation, randomize_batchnorm
from tests.slim import narrowed

pytestmark = pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")
CAPTUM = {"gradient_x_input": InputXGradient, "guided_backprop": GuidedBackprop, "deconvnet": Deconvolution}
SIZE = 16


class Gates(nn.Module):
    """Squeeze and excitation, SiLU, concatenation, a mean, constants, an addition of another shape."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.gate, self.side = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 3, 1)
        self.norm, self.pool, self.head = nn.BatchNorm2d(7), nn.AdaptiveAvgPool2d(1), nn.Linear(7, 5)
        self.scale = nn.Parameter(torch.rand(3, 1, 1) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(2 * x - 0.5)
        x = F.silu(x * torch.sigmoid(self.gate(self.pool(x))))
        y = F.leaky_relu(self.side(x), 0.1) * self.scale
        x = self.norm(torch.cat([x, y], 1))
        return self.head((x + self.pool(x)).mean((2, 3)))


def vgg() -> nn.Module:
    layers = [nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(32, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 5))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "vgg": vgg,
    "resnet18": lambda: narrowed(resnet18(num_classes=10)),
    "gates": Gates,
    "functional": Functional,
    "preactivation": PreActivation,
}


@cache
def drawn(name: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Tensor, Tensor]:
    """A random network in evaluation mode, images, and a class for each; nobody may change them."""
    torch.manual_seed(0)
    model = randomize_batchnorm(NETWORKS[name]()).eval().to(dtype)
    side = 8 if name == "preactivation" else 32 if name == "resnet18" else SIZE
    return model, torch.randn(2, 3, side, side, dtype=dtype), torch.tensor([2, 1])


def autograd(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    images = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(images).gather(1, target.unsqueeze(1)).sum(), images)
    return gradient


@pytest.mark.parametrize("bn", ["pass", "fold"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradient_is_that_of_autograd(name: str, bn: str) -> None:
    model, images, target = drawn(name)
    result = LRP(model, "gradient", bn=bn, dtype="float64").attribute(images, target)
    assert relative_error(result, autograd(model, images, target)) <= 1e-9


@pytest.mark.parametrize("bn", ["pass", "fold"])
def test_gradient_in_float32(bn: str) -> None:
    model, images, target = drawn("resnet18", torch.float32)
    result = LRP(model, "gradient", bn=bn).attribute(images, target)
    assert relative_error(result, autograd(model, images, target)) <= 1e-5


@pytest.mark.parametrize(("name", "bn"), [("vgg", "pass"), ("vgg", "fold"), ("resnet18", "pass")])
@pytest.mark.parametrize("composite", CAPTUM)
def test_gradient_like_composites_are_those_of_captum(composite: str, name: str, bn: str) -> None:
    model, images, target = drawn(name)
    result = LRP(model, composite, bn=bn, dtype="float64").attribute(images, target)
    plain = copy.deepcopy(model)  # captum changes ReLU modules, which is why there are no functions here
    for module in plain.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False  # which captum cannot work with
    expected = CAPTUM[composite](plain).attribute(images.clone().requires_grad_(), target=target)
    assert relative_error(result, expected.detach()) <= 1e-9


@pytest.mark.parametrize("name", ["vgg", "gates"])
def test_gradient_times_input(name: str) -> None:
    model, images, target = drawn(name)
    gradient, product = (
        LRP(model, c, dtype="float64").attribute(images, target) for c in ("gradient", "gradient_x_input")
    )
    torch.testing.assert_close(product, gradient * images, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("module", [module for module, kind in MODULES.items() if kind is Kind.ACTIVATION])
def test_derivative_of_every_activation(module: Any) -> None:
    torch.manual_seed(0)
    function = module(dim=1) if module is nn.Softmax else module()
    model = nn.Sequential(nn.Linear(6, 8), function, nn.Linear(8, 3)).double()
    images, target = 3 * torch.randn(4, 6, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    result = LRP(model, "gradient", dtype="float64").attribute(images, target)
    assert relative_error(result, autograd(model, images, target)) <= 1e-9


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 3 * x + 1,
        lambda x: 1 - x / 2,
        lambda x: -(x + x),
        lambda x: x.sum((2, 3), keepdim=True) - 1,
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
        lambda x: F.pad(x, (1, 0, 2, 1)).flatten(2)[:, :, 1:],
        lambda x: x.permute(0, 2, 3, 1).transpose(1, 2),
        lambda x: torch.cat([x, x.relu(), x], 1),
        lambda x: x * torch.softmax(x, 1),
        lambda x: x.sigmoid() * x + x,
    ],
)
def test_gradient_of_other_operations(function: Callable[[Tensor], Tensor]) -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = nn.Conv2d(2, 3, 2), nn.LazyLinear(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(function(self.stem(x)).flatten(1))

    torch.manual_seed(0)
    images, target = torch.randn(2, 2, 5, 4, dtype=torch.float64), torch.tensor([3, 0])
    model = Block().double()
    model(images)
    result = LRP(model, "gradient", dtype="float64").attribute(images, target)
    assert relative_error(result, autograd(model, images, target)) <= 1e-9


def test_relu_rules_block_what_they_say() -> None:
    """[a > 0] R, [a > 0] R⁺ and R⁺ for all signs of a and R; a = 0 is blocked as by autograd."""
    identity = nn.Linear(6, 6, bias=False)
    nn.init.eye_(identity.weight)
    head = nn.Linear(6, 2, bias=False)
    head.weight.data[0] = torch.tensor([1.0, -1, 1, -1, 1, -1])
    model, images = nn.Sequential(identity, nn.ReLU(), head), torch.tensor([[2.0, 2, -2, -2, 0, 0]])
    expected = {
        Derivative(): [1, -1, 0, 0, 0, 0],
        GuidedReLU(): [1, 0, 0, 0, 0, 0],
        DeconvReLU(): [1, 0, 1, 0, 1, 0],
    }
    for rule, relevance in expected.items():
        composite = Composite("", ((OfKind("linear"), Transposed()), (OfKind("relu"), rule)), start="one")
        assert LRP(model, composite).attribute(images, 0).tolist() == [relevance], rule


@pytest.mark.parametrize("rule", [GuidedReLU(), DeconvReLU(), Transposed()])
def test_rules_for_other_steps_are_refused(rule: Any) -> None:
    with pytest.raises(UserError, match="0: .* is no rule for maxpool steps; it serves "):
        LRP(nn.Sequential(nn.MaxPool2d(2)), Composite("", ((OfKind("maxpool"), rule),)))
