"""Attribution and logits at once."""

import pytest
import torch
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.experiment.method import Method
from relprop.explainers import get_explainer
from relprop.models import build_model
from relprop.postprocessing import build_pipeline


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    return build_model("resnet20", num_classes=10, image_size=32).eval()


IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
METHODS = [("lrp", {}), ("lrp", {"positive": True, "composite": "epsilon"}), ("gradient", {}), ("gradcam", {})]


@pytest.mark.parametrize(("name", "options"), METHODS)
@pytest.mark.parametrize("target", [None, 2, torch.tensor([1, 0, 9])])
@pytest.mark.parametrize("max_batch", [2, 32])
def test_both_are_what_they_are_alone(
    network: nn.Module, name: str, options: dict[str, object], target: Tensor | int | None, max_batch: int
) -> None:
    explainer = get_explainer(name, network, max_batch=max_batch, **options)
    attribution, logits = explainer.with_logits(IMAGES, target)
    with torch.no_grad():
        torch.testing.assert_close(logits, network(IMAGES), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(attribution, explainer(IMAGES, target))
    assert not logits.requires_grad


def test_lrp_runs_no_forward_but_its_own(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    explainer = get_explainer("lrp", network)
    monkeypatch.setattr(type(network), "forward", None)
    assert explainer.with_logits(IMAGES)[1].shape == (3, 10)


def test_lrp_refuses_what_a_call_refuses(network: nn.Module) -> None:
    explainer = get_explainer("lrp", network)
    with pytest.raises(UserError, match="NaN or infinite pixels"):
        explainer.with_logits(IMAGES / 0)
    with pytest.raises(UserError, match="target classes must be in"):
        explainer.with_logits(IMAGES, 10)
    handle = network.register_forward_hook(lambda _, __, logits: 2 * logits)
    with pytest.raises(UserError, match="forward hooks change the logits"):
        explainer.with_logits(IMAGES)
    handle.remove()


@pytest.mark.slow
def test_a_compiled_engine_gives_both(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the recorded program, without the compiler."""
    monkeypatch.setattr(torch, "compile", lambda program, **_: program)
    plain, compiled = (get_explainer("lrp", network, compile=each) for each in (False, True))
    for target in (None, 4):
        for one, other in zip(plain.with_logits(IMAGES, target), compiled.with_logits(IMAGES, target), strict=True):
            torch.testing.assert_close(one, other)


def test_a_method_reduces_the_attribution(network: nn.Module) -> None:
    method = Method(get_explainer("lrp", network), build_pipeline("abs_sum", {}))
    heatmaps, logits = method.with_logits(IMAGES, 3)
    torch.testing.assert_close(heatmaps, method(IMAGES, torch.full((3,), 3)))
    assert logits.shape == (3, 10)
