"""Rows of LRP against a gradient and other libraries, of small and slim networks."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from relprop.benchmark import ALL_CASES, MEMORY_FORMATS, LRPCase, competitors, measure_lrp, sides
from relprop.benchmark.competitors import COMPETITORS
from relprop.benchmark.sides import drift
from relprop.errors import UserError
from tests.slim import slim

# By network: one of its kind that takes less, and as few pixels as that can take.
SMALL = {"resnet50": {"model": "resnet18", "image_size": 16}, "vgg16": {"model": "vgg11", "image_size": 32}}


def small(case: LRPCase) -> LRPCase:
    return replace(case, batch=2, **SMALL[case.model])


# One case of each composite and type: the last one, of VGG if there is any.
KINDS = {(case.composite, case.dtype): small(case) for case in ALL_CASES.values() if isinstance(case, LRPCase)}


@pytest.mark.parametrize("case", KINDS.values(), ids=lambda case: case.name)
def test_a_row_is_consistent(case: LRPCase) -> None:
    row = measure_lrp(case, "contiguous", repeats=2)
    assert row["threads"] == torch.get_num_threads()
    assert (row["case"], row["baseline"], row["repeats"]) == (case.name, "input gradient", 2)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    for side in (row, *(other for other in row["others"].values() if "left_out" not in other)):
        assert side["ratio"] == pytest.approx(side["seconds"] / row["baseline_seconds"])
        assert side["ratio_range"][0] <= side["ratio_range"][1]
        assert side["images_per_second"] == pytest.approx(case.batch / side["seconds"])
    assert row["peak_memory_ratio"] == pytest.approx(row["peak_megabytes"] / row["baseline_peak_megabytes"])
    assert min(row["peak_megabytes"], row["prepared_megabytes"], row["build_seconds"]) > 0
    assert {key: row[key] for key in case.options} == case.options
    assert set(row["others"]) == (set(COMPETITORS[case.composite]) if case.dtype == "float32" else {"float32"})
    assert (row["drift"] is None) == (case.dtype == "float32")
    assert case.dtype == "float32" or (0 < row["drift"]["relative_error"] < 0.5 < row["drift"]["rank_correlation"] < 1)
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_network_and_images_have_the_memory_format_of_the_row(
    memory_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(name: str, **size: Any) -> nn.Module:
        model = slim(name, size["image_size"])
        model.register_forward_hook(lambda model, args, _: seen.append((args[0], next(model.parameters()))))
        return model

    monkeypatch.setattr(sides, "build_model", watched)
    row = measure_lrp(
        replace(KINDS["zplus", "float32"], model="resnet20", image_size=16), memory_format, repeats=1, competitors=False
    )
    assert row["memory_format"] == memory_format
    assert seen
    assert all(t.is_contiguous(memory_format=MEMORY_FORMATS[memory_format]) for pair in seen for t in pair)


def test_drift_is_the_mean_over_images() -> None:
    exact = torch.arange(1.0, 9.0).reshape(2, 1, 2, 2)
    reversed_second = torch.stack([exact[0], exact[1].flip(1, 2)])
    error = (reversed_second[1] - exact[1]).norm() / exact[1].norm()
    assert drift(reversed_second, exact) == pytest.approx(
        {"relative_error": error.item() / 2, "rank_correlation": (1 - 1) / 2}
    )


def test_competitors_can_be_left_out() -> None:
    assert measure_lrp(KINDS["epsilon", "float32"], "contiguous", repeats=1, competitors=False)["others"] == {}


def test_a_library_that_cannot_explain_a_network_is_left_out_with_the_reason() -> None:
    row = measure_lrp(replace(KINDS["epsilon", "float32"], model="resnet18", image_size=16), "contiguous", repeats=1)
    assert "additions" in row["others"]["captum EpsilonRule"]["left_out"]
    assert "seconds" not in row["others"]["captum EpsilonRule"]
    assert "left_out" not in row["others"]["zennit Epsilon"]


@pytest.mark.parametrize(
    ("composite", "name"), [(composite, name) for composite, names in COMPETITORS.items() for name in names]
)
def test_competitors_explain_the_target_and_leave_the_model_alone(composite: str, name: str) -> None:
    model, images = slim("vgg11", 32).eval(), torch.rand(2, 3, 32, 32)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    side = COMPETITORS[composite][name].build(model)
    first, second = (side(images, torch.full((2,), target)) for target in (0, 1))
    assert first.shape == images.shape and not first.requires_grad
    assert not torch.allclose(first, second)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("asks", ["version", "import_module"])
def test_a_missing_library_is_a_mistake_of_the_user(asks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(competitors, asks, missing)
    with pytest.raises(UserError, match=r'zennit.*; .*pip install -e "\.\[dev\]"; competitors=false'):
        measure_lrp(KINDS["zplus", "float32"], "contiguous", repeats=1)
