"""The layer of class activation maps: which one is found, what is captured, and that nothing is left behind."""

import re
from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models
from torchvision.models.vgg import cfgs, make_layers

from relprop.explainers.cam_layers import CamLayer, find_layer, upsample
from relprop.models import build_model
from tests.networks import Functional, PreActivation


def built(name: str) -> Callable[[], nn.Module]:
    return lambda: build_model(name, num_classes=5, image_size=32)


def torchvision_vgg() -> nn.Module:
    """torchvision's VGG-11 with a head that is cheap to make."""
    layers = OrderedDict(features=make_layers(cfgs["A"]), avgpool=nn.AdaptiveAvgPool2d(7), flatten=nn.Flatten())
    return nn.Sequential(layers | {"fc": nn.Linear(512 * 49, 5)})


class Wrapped(nn.Module):
    """A network behind two names, and a pooling written as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.ModuleDict({"body": nn.Conv2d(3, 4, 3)})
        self.norm, self.fc = nn.BatchNorm2d(4), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.norm(self.net["body"](x)).relu_().mean((2, 3)))


class Tokens(nn.Module):
    """As a vision transformer: patches become tokens, which a layer mixes."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.mix, self.fc = nn.Conv2d(3, 4, 4, 4), nn.Linear(4, 4), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.mix(self.patches(x).flatten(2).transpose(1, 2)).mean(1))


def plain(*tail: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(True), *tail)


HEAD = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
LAYERS: dict[str, tuple[Callable[[], nn.Module], int, str]] = {
    "vgg11": (built("vgg11"), 32, "features.19"),
    "vgg11, 64 px": (built("vgg11"), 64, "features.19"),
    "vgg11, torchvision's": (torchvision_vgg, 96, "features.19"),
    "vgg11_bn": (built("vgg11_bn"), 32, "features.27"),
    "resnet18": (models.resnet18, 96, "layer4"),
    "resnet20": (built("resnet20"), 32, "layer3"),
    "squeezenet1_0": (built("squeezenet1_0"), 32, "classifier.2"),
    "darknet19": (built("darknet19"), 32, "classifier"),
    "densenet121": (models.densenet121, 64, "features"),
    "wrapped": (Wrapped, 8, "norm"),
    "plain": (lambda: plain(*HEAD), 8, "1"),
    "with dropout": (lambda: plain(nn.Dropout(), nn.Identity(), *HEAD), 8, "1"),
    "nested": (lambda: nn.Sequential(nn.Sequential(plain(nn.MaxPool2d(2)), nn.Dropout2d()), *HEAD), 8, "0.0.1"),
    "ReLU behind the pooling": (lambda: nn.Sequential(plain(nn.MaxPool2d(2), nn.ReLU(True)), *HEAD), 8, "0"),
    "a gate of one position": (lambda: plain(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid(), *HEAD), 8, "1"),
    "functions, a layer twice": (Functional, 16, "twice"),
}


@pytest.mark.parametrize("case", LAYERS)
def test_found_layer(case: str) -> None:
    make, size, expected = LAYERS[case]
    model = make().train()
    hooks = [dict(module._forward_hooks) for module in model.modules()]
    assert find_layer(model, torch.randn(2, 3, size, size)) == expected
    assert all(module.training for module in model.modules())
    assert [dict(module._forward_hooks) for module in model.modules()] == hooks


@pytest.mark.parametrize("model", [nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), Tokens(), nn.Identity()])
def test_networks_without_such_a_layer_are_refused(model: nn.Module) -> None:
    message = f"no layer of {type(model).__name__} gives maps (N, K, h, w) before a pooling, from images (1, 3, 8, 8); "
    with pytest.raises(ValueError, match=re.escape(message) + "name a layer that gives maps, layer=NAME"):
        find_layer(model, torch.randn(1, 3, 8, 8))
    assert not any(module._forward_hooks for module in model.modules())


def test_the_layer_is_found_anew_for_other_sizes() -> None:
    model = nn.Sequential(*plain(nn.MaxPool2d(4)), nn.Conv2d(4, 4, 1), *HEAD)
    layer = CamLayer(model)
    assert [layer.name(torch.randn(1, 3, size, size)) for size in (4, 8, 4)] == ["1", "3", "1"]


def test_a_name_of_digits_may_come_as_a_number() -> None:
    assert CamLayer(plain(*HEAD), 1).name(torch.randn(1, 3, 8, 8)) == "1"


def test_unknown_names_and_layers_without_maps_are_refused() -> None:
    model, images = build_model("resnet20", num_classes=5, image_size=32), torch.randn(2, 3, 8, 8)
    with pytest.raises(ValueError, match=r"layer=layr3 is no module of CifarResNet; did you mean layer3 or .*\.2"):
        CamLayer(model, "layr3")
    with pytest.raises(ValueError, match=r"layer=§ is no module of CifarResNet\. .*layer3.2.relu2, avgpool, linear$"):
        CamLayer(model, "§")
    with pytest.raises(ValueError, match=r"layer=linear gives \(2, 5\), not maps \(N, K, h, w\)"):
        CamLayer(model, "linear").run(images)
    with pytest.raises(ValueError, match=r"layer=lstm gives tuple, not maps"):
        CamLayer(nn.Sequential(OrderedDict(lstm=nn.LSTM(8, 4))), "lstm").run(images[:, 0])
    model.unused = nn.Conv2d(3, 3, 1)
    with pytest.raises(ValueError, match="layer=unused is not called by CifarResNet"):
        CamLayer(model, "unused").run(images)
    assert not any(module._forward_hooks for module in model.modules())


def slope(model: nn.Module, layer: str, images: Tensor) -> Tensor:
    """∂ Σ logits / ∂ activations."""
    outputs, activations = CamLayer(model, layer).run(images)
    return torch.autograd.grad(outputs.sum(), activations)[0]


def test_activations_survive_the_in_place_relu_behind_them() -> None:
    torch.manual_seed(0)
    model, images = build_model("vgg11", num_classes=5, image_size=32).eval(), torch.randn(2, 3, 32, 32)
    outputs, activations = CamLayer(model, "features.18").run(images)
    with torch.no_grad():
        torch.testing.assert_close(activations.detach(), model.features[:19](images), rtol=0, atol=0)
        assert torch.equal(outputs, model(images))
    assert (activations < 0).any()
    behind = activations.detach().clone().requires_grad_()
    logits = model.classifier(model.avgpool(model.features[20](behind.relu())).flatten(1))
    expected = torch.autograd.grad(logits.sum(), behind)[0]
    torch.testing.assert_close(slope(model, "features.18", images), expected)


def test_of_a_layer_called_twice_the_last_call_counts() -> None:
    """The gradient is the slope of the logits when only the second output is moved."""
    torch.manual_seed(0)
    model, images, calls = Functional().double().eval(), torch.randn(2, 3, 16, 16).double(), []
    handle = model.twice.register_forward_hook(lambda module, inputs, output: calls.append(output.clone()))
    outputs, activations = CamLayer(model, "twice").run(images)
    assert len(calls) == 2
    assert torch.equal(activations, calls[1])
    assert list(model.twice._forward_hooks) == [handle.id]
    (gradient,) = torch.autograd.grad(outputs.sum(), activations)
    step = 1e-6 * torch.randn_like(gradient)

    def move(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output + step if len(calls) % 2 == 0 else output  # calls counts this one already

    model.twice.register_forward_hook(move)
    with torch.no_grad():
        moved = model(images).sum() - outputs.sum()
    torch.testing.assert_close((gradient * step).sum(), moved, rtol=1e-4, atol=0)


@pytest.mark.parametrize("layer", ["relu", "norm", "conv", "stem"])
def test_what_an_in_place_relu_wrote_to_is_part_of_its_map(layer: str) -> None:
    """The shortcut takes the tensor that the ReLU changed."""

    class Once(PreActivation):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            return self.head((self.norm(self.conv(self.relu(x))) + x).mean((2, 3)))

    torch.manual_seed(0)
    model, images = Once().double().eval(), torch.randn(2, 3, 8, 8).double()
    # By the chain rule.
    with torch.no_grad():
        before = model.stem(images)
    end = model.head.weight.sum(0)[None, :, None, None].expand_as(before) / 64
    scale = model.norm.weight / (model.norm.running_var + model.norm.eps).sqrt()
    conv = end * scale[None, :, None, None]
    relu = F.conv_transpose2d(conv, model.conv.weight, padding=1) + end
    expected = {"relu": relu, "norm": end, "conv": conv, "stem": relu * (before > 0)}
    torch.testing.assert_close(slope(model, layer, images), expected[layer])


def test_nothing_before_the_layer_is_in_the_graph() -> None:
    model, images = build_model("resnet20", num_classes=5, image_size=32).eval(), torch.randn(1, 3, 16, 16)
    modes = {}
    for name in ("conv1", "layer2", "linear"):
        model.get_submodule(name).register_forward_pre_hook(
            lambda *_, name=name: modes.update({name: torch.is_grad_enabled()})
        )
    outputs, activations = CamLayer(model, "layer3").run(images.requires_grad_())
    assert modes == {"conv1": False, "layer2": False, "linear": True}
    assert activations.is_leaf
    parameters = dict(model.named_parameters())
    used = torch.autograd.grad(outputs.sum(), list(parameters.values()), allow_unused=True)
    assert {name for name, gradient in zip(parameters, used, strict=True) if gradient is not None} == {
        "linear.weight",
        "linear.bias",
    }


def test_hooks_and_grad_mode_are_as_before_when_the_model_raises() -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("broken")

    model, images = nn.Sequential(nn.Conv2d(3, 4, 3), Broken()), torch.randn(1, 3, 8, 8)
    for mode in (True, False):
        with torch.set_grad_enabled(mode):
            for use in (lambda: CamLayer(model, "0").run(images), lambda: find_layer(model, images)):
                with pytest.raises(RuntimeError, match="broken"):
                    use()
                assert torch.is_grad_enabled() == mode
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_of_the_caller_have_their_say() -> None:
    """Ours sees what a hook of the caller's made of the output."""
    model, images = plain(*HEAD).eval(), torch.randn(1, 3, 8, 8)
    handle = model[1].register_forward_hook(lambda module, inputs, output: output + 7)
    assert CamLayer(model).run(images)[1].min() >= 7
    assert list(model[1]._forward_hooks) == [handle.id]


def test_upsampling_is_bilinear_between_the_centres_of_the_cells() -> None:
    maps = torch.randn(2, 3, 5).double()
    large = upsample(maps, (12, 7))
    assert large.shape == (2, 12, 7)
    for y in range(12):
        for x in range(7):
            # Position in cells; beyond the outermost centres the map goes on as it ends.
            v, u = (min(max((y + 0.5) * 3 / 12 - 0.5, 0), 2), min(max((x + 0.5) * 5 / 7 - 0.5, 0), 4))
            i, j = min(int(v), 1), min(int(u), 3)
            a, b = v - i, u - j
            upper = (1 - b) * maps[:, i, j] + b * maps[:, i, j + 1]
            lower = (1 - b) * maps[:, i + 1, j] + b * maps[:, i + 1, j + 1]
            torch.testing.assert_close(large[:, y, x], (1 - a) * upper + a * lower)
