"""Every module and function of the tables runs as in torch; options and subclasses that change it are refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop import LRP, UnsupportedOperationError
from relprop.lrp.modules import known_type
from relprop.lrp.operations import AS_MODULE, MODULES
from tests.networks import Block, network_of

# Arguments by the beginning of a module's name, the longest that fits; without an entry there are none.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "Conv": (4, 3, 3, 1, 1),
    "ConvTranspose": (4, 3, 3, 2, 1),
    "BatchNorm": (4,),
    "Linear": (8, 3),
    "MaxPool": (2,),
    "AvgPool": (2,),
    "Adaptive": (2,),
    "Upsample": (None, 2),
    "Mean": ((2,), True),
    "Sum": ((2,), False),
    "ZeroPad": (1,),
    "Unflatten": (1, (2, 2)),
    "Pixel": (2,),
    "Channel": (2,),
    "Softmax": (1,),
}


def arguments(module_type: type[nn.Module]) -> tuple[Any, ...]:
    fits = [name for name in ARGUMENTS if module_type.__name__.startswith(name)]
    return ARGUMENTS[max(fits, key=len)] if fits else ()


def dimensions(module_type: type[nn.Module]) -> int:
    name = module_type.__name__
    return int(name[-2]) if name.endswith(("1d", "2d", "3d")) else 2


def assert_engine_gives_the_gradient(model: nn.Module, images: Tensor) -> None:
    """Which it does only if its forward pass is the model's."""
    inputs = images.clone().requires_grad_()
    logits = model(inputs)
    target = int(logits[0].abs().argmax())
    (expected,) = torch.autograd.grad(logits[:, target].sum(), inputs)
    assert expected.abs().sum() > 0
    torch.testing.assert_close(LRP(model, "gradient").attribute(images, target), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("module_type", MODULES)
def test_every_module(module_type: type[nn.Module]) -> None:
    torch.manual_seed(0)
    d = dimensions(module_type)
    stem = getattr(nn, f"Conv{d}d")(2, 4, 3, padding=1)
    model = nn.Sequential(stem, module_type(*arguments(module_type)), nn.Flatten()).eval()
    assert_engine_gives_the_gradient(model, torch.randn(2, 2, *[8] * d))


@pytest.mark.parametrize("function", AS_MODULE)
def test_every_function_that_is_a_module(function: Any) -> None:
    module_type = AS_MODULE[function]
    options = (0.5, False) if module_type in (nn.Dropout, nn.Dropout2d) else arguments(module_type)
    d = dimensions(module_type)

    def called(b: Block, x: Tensor) -> Tensor:
        x = b.conv(x).view(2, 4, *{1: (64,), 2: (8, 8), 3: (2, 4, 8)}[d])
        y = getattr(x, function)(*options) if isinstance(function, str) else function(x, *options)
        y = x * y if module_type is nn.Softmax else y  # else all sums are 1
        return y.view(2, 4, -1, 1)

    torch.manual_seed(1)
    assert_engine_gives_the_gradient(network_of(called), torch.randn(2, 3, 8, 8))


class Same(nn.Conv2d):
    """A convolution of the user's own that computes what torch's does."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1)

    def extra_repr(self) -> str:
        return "same"


class ScaledForward(Same):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x)


class ScaledWeight(Same):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, 2 * weight, bias)


def test_a_subclass_that_computes_the_same_is_known() -> None:
    class SameAgain(Same):
        pass

    conv = SameAgain(4)
    assert known_type(conv) is nn.Conv2d
    plain = nn.Conv2d(4, 4, 3, padding=1)
    plain.load_state_dict(conv.state_dict())
    images = torch.randn(1, 3, 8, 8)
    mine, torchs = (network_of(lambda b, x: b.own(x), own=own) for own in (conv, plain))
    assert torch.equal(LRP(mine).attribute(images), LRP(torchs).attribute(images))
    assert "block0.own" in [step.name for step in LRP(mine).graph.steps]


def replaced_forward() -> nn.Module:
    conv = nn.Conv2d(4, 4, 3, padding=1)
    conv.forward = lambda x: F.conv2d(x, 2 * conv.weight, conv.bias, padding=1)
    return conv


@pytest.mark.parametrize("build", [lambda: ScaledForward(4), lambda: ScaledWeight(4), replaced_forward])
def test_a_convolution_that_computes_something_else_is_refused(build: Callable[[], nn.Module]) -> None:
    own = build()
    assert known_type(own) is None
    with pytest.raises(UnsupportedOperationError, match=r"block0\.own: LRP has no rule for .*with a rule: "):
        LRP(network_of(lambda b, x: b.own(x), own=own))


REFUSED = [
    (nn.PReLU(), lambda b, x: b.own(x), "the module PReLU. Modules with a rule: .*Conv2d.*ReLU"),
    (nn.MaxPool2d(2, return_indices=True), lambda b, x: b.own(x)[0], "MaxPool2d.* Use max pooling without indices"),
    (nn.BatchNorm2d(4, track_running_stats=False), lambda b, x: b.own(x), "statistics. Set track_running_stats=True"),
    (nn.Upsample(scale_factor=2, mode="bicubic"), lambda b, x: b.own(x), "mode='bicubic'. Interpolate by 'nearest'"),
    (nn.ConvTranspose2d(4, 4, 2, 2), lambda b, x: b.own(x, [16, 16]), "more than one tensor. Give it one tensor"),
]


@pytest.mark.parametrize(("own", "function", "message"), REFUSED)
def test_options_that_change_what_a_module_computes_are_refused(
    own: nn.Module, function: Callable[[Block, Tensor], Tensor], message: str
) -> None:
    with pytest.raises(UnsupportedOperationError, match=rf"block0\.own: LRP has no rule for .*{message}"):
        LRP(network_of(function, own=own))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda b, x: F.max_pool2d(x, 2, return_indices=True)[0], "max_pool2d_with_indices"),
        (lambda b, x: F.interpolate(x, scale_factor=2, mode="bicubic"), "mode='bicubic'. Interpolate by 'nearest'"),
        (lambda b, x: F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True), "antialias"),
        (lambda b, x: F.interpolate(x, x.shape[2:]), "interpolate with sizes read from a tensor. Give numbers"),
        (lambda b, x: F.batch_norm(x, None, None, training=True), "the function batch_norm"),
    ],
)
def test_options_of_functions_without_a_rule_are_refused(
    function: Callable[[Block, Tensor], Tensor], message: str
) -> None:
    with pytest.raises(UnsupportedOperationError, match=f"block0: LRP has no rule for .*{message}"):
        LRP(network_of(function))


@pytest.mark.parametrize("dim", [-4, (1, -4)])
def test_an_average_over_the_batch_is_refused_when_it_comes_to_light(dim: Any) -> None:
    engine = LRP(network_of(lambda b, x: x.mean(dim, True).expand(2, 4, 8, 8)))
    with pytest.raises(ValueError, match="block0.mean cannot take its input"):
        engine.attribute(torch.randn(2, 3, 8, 8))
