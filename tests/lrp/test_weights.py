"""What is computed from the weights once: in which type and order, folded or not, and when anew."""

import copy

import pytest
import torch
from torch import nn

from relprop.inference import fingerprint
from relprop.lrp import COMPOSITES, DTYPES, GATES, MEMORY_FORMATS, SPLITS
from relprop.lrp.checks import pixel_box
from relprop.lrp.graph import WEIGHTED, Kind
from relprop.lrp.plan import make_plan
from relprop.lrp.tracing import trace
from relprop.lrp.weights import Options, Weights, prepare
from tests.networks import network_of


@pytest.fixture
def model() -> nn.Module:
    return network_of(lambda b, x: b.norm(b.conv(x)) + b.shift, lambda b, x: b.norm(b.relu(x)))


def prepared(model: nn.Module, composite: str = "zplus", **options: object) -> tuple[dict[str, int], Weights]:
    chosen = Options(**options)
    plan = make_plan(trace(model), COMPOSITES[composite], SPLITS["flows_skip"], GATES["signal"], chosen.folds)
    return {step.name: step.index for step in plan.graph.steps}, prepare(model, plan, chosen)


@pytest.mark.parametrize("dtype", DTYPES.values())
@pytest.mark.parametrize("memory_format", MEMORY_FORMATS.values())
def test_weights_have_the_type_and_order_asked_for(
    dtype: torch.dtype, memory_format: torch.memory_format, model: nn.Module
) -> None:
    _, weights = prepared(model, dtype=dtype, memory_format=memory_format)
    for affine in (*weights.affines.values(), *weights.layers.values()):
        assert affine.weight.dtype == dtype
        assert affine.bias is None or affine.bias.dtype == dtype
    for affine in weights.affines.values():
        assert affine.weight.dim() != 4 or affine.weight.is_contiguous(memory_format=memory_format)


@pytest.mark.parametrize("folds", [False, True])
def test_rules_see_batchnorm_folded_in_only_if_asked(folds: bool, model: nn.Module) -> None:
    index, weights = prepared(model, folds=folds)
    conv, norm = model.block0.conv, model.block0.norm
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded = conv.weight * scale.view(-1, 1, 1, 1)
    seen, runs = weights.layers[index["block0.conv"]], weights.affines[index["block0.conv"]]
    torch.testing.assert_close(runs.weight, folded.detach())
    torch.testing.assert_close(seen.weight, (folded if folds else conv.weight).detach())
    shift = (conv.bias - norm.running_mean) * scale + norm.bias
    torch.testing.assert_close(seen.bias, (shift if folds else conv.bias).detach())
    assert index["block0.norm"] not in weights.affines
    alone = weights.affines[index["block1.norm"]]
    torch.testing.assert_close(
        alone.weight, (model.block1.norm.weight / (model.block1.norm.running_var + 1e-5) ** 0.5).detach()
    )


def test_a_layer_knows_its_step(model: nn.Module) -> None:
    box = pixel_box((0.5,) * 3, (0.25,) * 3)
    index, weights = prepared(model, box=box)
    for name, module in (("stem", model.stem), ("block0.conv", model.block0.conv), ("head", model.head)):
        layer = weights.layers[index[name]]
        assert (layer.name, layer.module) == (name, module)
        assert layer.kind in WEIGHTED
    assert weights.layers[index["stem"]].nonnegative is False
    assert weights.layers[index["block0.conv"]].nonnegative is True
    assert weights.layers[index["pool"]].kind is Kind.AVGPOOL
    assert weights.layers[index["stem"]].lowest.tolist() == [-2.0] * 3
    assert weights.layers[index["stem"]].highest.tolist() == [2.0] * 3


def changes(model: nn.Module) -> dict[str, object]:
    """Everything that must be seen."""
    return {
        "a parameter": lambda: nn.init.ones_(model.stem.weight),
        "a buffer": lambda: model.norm.running_var.add_(1),
        "a new parameter": lambda: setattr(model.stem, "bias", nn.Parameter(torch.ones(4))),
        "a loaded state": lambda: model.load_state_dict(copy.deepcopy(model.state_dict())),
        "another type": lambda: model.double(),
        "training": lambda: model.train()(torch.randn(2, 3, 8, 8)),
        "a module": lambda: setattr(model, "head", nn.Linear(4, 5)),
    }


@pytest.mark.parametrize("change", changes(nn.Module()))
def test_the_fingerprint_tells_every_change(change: str, model: nn.Module) -> None:
    before = fingerprint(model)
    assert fingerprint(model) == before
    with torch.no_grad():
        changes(model)[change]()
    assert fingerprint(model) != before
    assert (fingerprint(model)[0] != before[0]) == (change == "a module")


def test_using_the_model_leaves_the_fingerprint(model: nn.Module) -> None:
    before = fingerprint(model)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    model.train().eval()
    assert fingerprint(model) == before


def test_the_fingerprint_of_inference_tensors() -> None:
    with torch.inference_mode():
        model = network_of()
    assert fingerprint(model) == fingerprint(model)
