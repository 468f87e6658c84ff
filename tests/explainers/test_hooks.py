"""Networks that are more than their layers: hooks of the caller's, and weights made in inference mode."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from relprop.errors import UserError
from relprop.explainers import EXPLAINERS, get_explainer
from tests.explainers.quick import QUICK
from tests.networks import Block, network_of

TARGET = torch.tensor([1, 3])
METHODS = [name for name in EXPLAINERS if name not in ("attention_branch", "file")]  # those need more than a network


def once(block: Block, x: Tensor) -> Tensor:
    return block.conv(x)


def doubled(block: Block, x: Tensor) -> Tensor:
    return 2 * block.conv(x)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def explained(method: str, model: nn.Module, images: Tensor) -> Tensor:
    return get_explainer(method, model, **QUICK.get(method, {}))(images, TARGET)


def by_forward_hook(model: nn.Module) -> Any:
    return model.get_submodule("block0").register_forward_hook(lambda module, inputs, output: 2 * output)


def by_pre_hook(model: nn.Module) -> Any:
    return model.get_submodule("pool").register_forward_pre_hook(lambda module, inputs: 2 * inputs[0])


def by_hook_of_every_module(model: nn.Module) -> Any:
    block = model.get_submodule("block0")
    return register_module_forward_hook(lambda module, inputs, output: 2 * output if module is block else None)


def by_pre_hook_of_every_module(model: nn.Module) -> Any:
    pool = model.get_submodule("pool")
    return register_module_forward_pre_hook(lambda module, inputs: 2 * inputs[0] if module is pool else None)


HOOKS = {
    "block0": by_forward_hook,
    "pool": by_pre_hook,
    "every module": by_hook_of_every_module,
    "every module, before": by_pre_hook_of_every_module,
}
WITHOUT_A_GRAPH = ("lrp", "guided_backprop", "deconvnet", "occlusion", "lime", "rise", "random", "sobel", "center")


@pytest.mark.parametrize("where", HOOKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_hook_counts_as_if_it_were_built_in_or_is_refused(method: str, where: str, images: Tensor) -> None:
    model = network_of(once)
    explainer = get_explainer(method, model, **QUICK.get(method, {}))
    before = explainer(images, TARGET)
    with HOOKS[where](model):
        if EXPLAINERS[method].ignores_hooks:
            with pytest.raises(
                UserError, match=f"hooks change the logits by up to .* of: {where.split(',')[0]}. Remove"
            ):
                explainer(images, TARGET)
        else:
            found, expected = explainer(images, TARGET), explained(method, network_of(doubled), images)
            if "cam" not in method or where in ("block0", "every module"):  # else the maps seen are not yet doubled
                torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5 * expected.abs().max().item())
    assert torch.equal(explainer(images, TARGET), before)


def test_hooks_that_only_look_on_are_welcome(images: Tensor) -> None:
    model = network_of(once)
    seen: list[Tensor] = []
    for method in ("lrp", "deeplift", "captum_lrp"):
        expected = explained(method, model, images)
        with model.get_submodule("block0").register_forward_hook(lambda module, inputs, output: seen.append(output)):
            assert torch.equal(explained(method, model, images), expected)
    assert seen


@pytest.mark.parametrize("method", METHODS)
def test_weights_made_in_inference_mode_are_explained_or_refused(method: str, images: Tensor) -> None:
    with torch.inference_mode():
        model = network_of(once)
    expected = explained(method, copy.deepcopy(model), images)  # what the message says to do
    torch.testing.assert_close(expected, explained(method, network_of(once), images))
    if method not in WITHOUT_A_GRAPH:
        with pytest.raises(
            UserError, match=f"{EXPLAINERS[method].__name__} takes gradients, and the weights were made"
        ):
            explained(method, model, images)
    else:
        torch.testing.assert_close(explained(method, model, images), expected)


def test_other_errors_come_through(images: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Tensor:
        raise RuntimeError("no memory left")

    explain: Callable[..., Tensor] = broken
    monkeypatch.setattr(EXPLAINERS["gradient"], "explain", explain)
    with pytest.raises(RuntimeError, match="no memory left"):
        explained("gradient", network_of(once), images)
