"""DeepLIFT: its completeness on every kind of network, captum's own values where those are right, refusals."""

from collections import OrderedDict

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers import get_explainer
from relprop.explainers.separated import Separated
from tests.explainers.asking import logits_at
from tests.networks import Functional, network_of, randomize_batchnorm
from tests.slim import slim

NETWORKS = ("vgg11", "vgg11_bn", "resnet18", "resnet20", "squeezenet1_0", "abn_resnet20")
TARGET, MEAN, STD = torch.tensor([1, 4]), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


def side_of(name: str) -> int:
    return 32 if name.startswith("vgg") else 16


def network(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Functional() if name == "functional" else slim(name, side_of(name))
        return randomize_batchnorm(model).double().eval()


def photographs(side: int = 32) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("baseline", ["mean", "black"])
@pytest.mark.parametrize("name", [*NETWORKS, "functional"])
def test_values_sum_to_the_difference_of_the_logits(name: str, baseline: str) -> None:
    model, images = network(name), photographs(side_of(name))
    options = {"baseline": baseline, "mean": MEAN, "std": STD}
    attribution = get_explainer("deeplift", model, **options)(images, TARGET)
    colour = torch.zeros(3) if baseline == "mean" else -torch.tensor(MEAN).double() / torch.tensor(STD).double()
    reference = colour.double().view(1, 3, 1, 1).expand_as(images)
    added = logits_at(model, images, TARGET) - logits_at(model, reference, TARGET)
    torch.testing.assert_close(attribution.sum((1, 2, 3)), added, rtol=1e-5, atol=1e-6 * added.abs().max().item())
    again = get_explainer("deeplift", model, **options, max_batch=2)(images, TARGET)  # one image and its baseline
    torch.testing.assert_close(again, attribution, rtol=1e-6, atol=1e-9 * attribution.abs().max().item())


@pytest.mark.parametrize(("max_batch", "expected"), [(1, [2] * 5), (2, [2] * 5), (5, [4, 4, 2]), (32, [10])])
def test_baselines_count_as_pictures(max_batch: int, expected: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes, run = network_of(lambda block, x: block.conv(x)), [], Separated.forward

    def counted(self: Separated, images: Tensor, target: Tensor) -> Tensor:
        sizes.append(len(images))
        return run(self, images, target)

    monkeypatch.setattr(Separated, "forward", counted)
    get_explainer("deeplift", model, max_batch=max_batch)(torch.ones(5, 3, 8, 8), 1)
    assert sizes == expected


def test_captums_values_where_every_nonlinearity_is_a_module_of_its_own() -> None:
    torch.manual_seed(0)
    layers = OrderedDict(conv=nn.Conv2d(3, 5, 3), relu=nn.ReLU(), other=nn.Conv2d(5, 4, 3, 2), elu=nn.ELU())
    layers |= OrderedDict(flatten=nn.Flatten(), hidden=nn.Linear(784, 6), tanh=nn.Tanh(), head=nn.Linear(6, 5))
    model, images = nn.Sequential(layers).double().eval(), photographs()
    reference = torch.zeros_like(images)
    with pytest.warns(UserWarning, match="Setting forward, backward hooks"):
        expected = captum.attr.DeepLift(model).attribute(images.clone().requires_grad_(), reference, target=TARGET)
    torch.testing.assert_close(get_explainer("deeplift", model)(images, TARGET), expected.detach())


def test_a_rule_by_hand() -> None:
    """ReLU(x₁ − x₂) + 2 x₁ from 0: multipliers Δy/Δt · (1, −1) + (2, 0)."""

    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            a, b = x[:, 0, 0, :1], x[:, 0, 0, 1:]
            return self.relu(a + (-1 * b)) + 2 * a

    images = torch.tensor([[[[3.0, 1.0]]], [[[1.0, 3.0]]]])
    attribution = get_explainer("deeplift", ByHand())(images, 0)
    assert attribution[:, 0, 0].tolist() == [[9.0, -1.0], [2.0, 0.0]]


@pytest.mark.parametrize("activation", [nn.GELU(), nn.Softmax(1)], ids=["gelu", "softmax"])
def test_other_activations_are_refused_by_name(activation: nn.Module) -> None:
    """Softmax, too, for which captum has a rule that mixes the images of a batch."""
    model, name = network_of(lambda block, x: block.act(x), act=activation), type(activation).__name__
    with pytest.raises(
        UserError, match=f"block0.act: DeepLIFT has no rule for {name}; it takes ELU, LeakyReLU"
    ) as caught:
        get_explainer("deeplift", model)
    assert "Softmax" not in str(caught.value).partition(";")[2]


def test_nothing_stays_on_the_network_when_something_goes_wrong() -> None:
    model = network("resnet20")
    explainer = get_explainer("deeplift", model)
    with pytest.raises(UserError, match="target classes must be in"):
        explainer(photographs(), torch.tensor([0, 10]))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert explainer(photographs(), TARGET).isfinite().all()
