"""captum's LRP: its own values on networks that it takes as they are, a warning where it is not defined."""

import logging
from collections import OrderedDict

import captum.attr
import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.explainers import get_explainer
from relprop.lrp import LRP
from relprop.models import build_model
from tests.networks import Functional, network_of

TARGET = torch.tensor([1, 4])


def network(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Functional() if name == "functional" else build_model(name, num_classes=10, image_size=32)
        return model.eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def plain(averages: bool = True) -> nn.Module:
    """Layers that captum takes as they are: each called once, none in place. Without `averages`, a mean at the end."""
    torch.manual_seed(0)
    convolutions = OrderedDict(conv=nn.Conv2d(3, 6, 3), norm=nn.BatchNorm2d(6), relu=nn.ReLU(), pool=nn.MaxPool2d(2))
    more = OrderedDict(conv2=nn.Conv2d(6, 8, 3), relu2=nn.ReLU())
    more |= OrderedDict(average=nn.AdaptiveAvgPool2d(1)) if averages else {}

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers, self.head = nn.Sequential(OrderedDict(**convolutions, **more)), nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            maps = self.layers(x)
            return self.head(torch.flatten(maps, 1) if averages else maps.mean((2, 3)))

    return Plain().eval()


def test_captums_values_on_a_network_that_it_takes(images: Tensor, caplog) -> None:
    model = plain()
    own = [
        captum.attr.LRP(model).attribute(image.clone().requires_grad_(), target=int(target)).detach()
        for image, target in zip(images.split(1), TARGET, strict=True)
    ]
    with caplog.at_level(logging.WARNING):
        found = get_explainer("captum_lrp", model)(images, TARGET)
    assert torch.equal(found, torch.cat(own))
    assert not caplog.records


def test_a_mean_is_the_average_pooling_that_captum_knows(images: Tensor) -> None:
    pooled, mean = (get_explainer("captum_lrp", plain(averages))(images, TARGET) for averages in (True, False))
    torch.testing.assert_close(mean, pooled, rtol=1e-4, atol=1e-5 * pooled.abs().max().item())


def test_on_a_vgg_without_biases_it_is_rule_epsilon_of_the_engine(images: Tensor) -> None:
    """There 1e-9 is next to no ε, and captum's winner takes all is the engine's."""
    model = network("vgg11").double()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.zeros_(module.bias)
    engine = LRP(model, composite="epsilon", start="logit", dtype="float64", bias="ignore")
    found = get_explainer("captum_lrp", model)(images.double(), TARGET)
    logits = model(images.double()).detach().gather(1, TARGET[:, None]).squeeze(1)
    torch.testing.assert_close(found.sum((1, 2, 3)), logits, rtol=1e-4, atol=1e-6)
    expected = engine.attribute(images.double(), TARGET)
    assert torch.nn.functional.cosine_similarity(found.flatten(1), expected.flatten(1)).min() > 0.99


@pytest.mark.parametrize(
    ("name", "unseen"), [("resnet18", "8 × add"), ("resnet20", "9 × add"), ("functional", "3 × add")]
)
def test_residual_networks_are_named_once_in_the_log(name: str, unseen: str, images: Tensor, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        explainer = get_explainer("captum_lrp", network(name))
        for _ in range(2):
            assert explainer(images, TARGET).isfinite().all()
    (record,) = caplog.records
    assert "captum's LRP is not defined for this network: it does not see" in record.getMessage()
    assert unseen in record.getMessage()


def test_weights_are_not_written_to_not_even_with_themselves(images: Tensor) -> None:
    """By torch's counters of writes: one more would spoil a backward pass of the caller's that is under way."""
    model = plain()
    tensors = [*model.parameters(), *model.buffers()]
    before = [tensor._version for tensor in tensors]
    get_explainer("captum_lrp", model)(images, TARGET)
    assert [tensor._version for tensor in tensors] == before


def test_layers_without_a_rule_are_refused_by_name() -> None:
    model = network_of(lambda block, x: block.gelu(x), gelu=nn.GELU())
    with pytest.raises(UserError, match="block0.gelu: captum's LRP has no rule for GELU; it takes .*method=lrp"):
        get_explainer("captum_lrp", model)


def test_relevance_beyond_float32_is_refused(images: Tensor) -> None:
    explainer = get_explainer("captum_lrp", network("resnet20"))
    with torch.no_grad():
        explainer.model.linear.weight.fill_(torch.finfo(torch.float32).max)
    with pytest.raises(
        UserError, match="captum's LRP gives NaN or infinite relevance here: it grows at every addition"
    ):
        explainer(images, TARGET)
