"""Rows of scoring and of methods that mask, of small networks."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from relprop.benchmark import ALL_CASES, MaskingCase, ScoringCase, masking, measure_masking, measure_scoring
from relprop.benchmark.competitors import gradcam_scorecam
from relprop.benchmark.sides import bare_forwards, prepare
from relprop.models import build_model

SCORING_CASES = [case for case in ALL_CASES.values() if isinstance(case, ScoringCase)]
MASKING_CASES = {case.name: case for case in ALL_CASES.values() if isinstance(case, MaskingCase)}


@pytest.mark.parametrize("case", SCORING_CASES[:3], ids=lambda case: case.name)
def test_a_scoring_row_is_consistent(case: ScoringCase) -> None:
    row = measure_scoring(replace(case, model="resnet20", batch=1, image_size=16, pictures=16), "contiguous", repeats=1)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert row["throughput_ratio"] == pytest.approx(1 / row["ratio"])
    assert row["ratio_range"][0] <= row["ratio"] <= row["ratio_range"][1]
    assert row["requested"] == 2 * 86  # of 256 pixels, 3 at once
    assert row["forwards"] <= (2 * 8 if case.levels else row["requested"])
    assert row["drift"] < 1e-4 or (case.dtype == "bfloat16" and row["drift"] < 0.3)
    assert json.loads(json.dumps(row)) == row


def small_masking(name: str) -> MaskingCase:
    case = MASKING_CASES[name]
    return replace(case, model="resnet20", image_size=16, pictures=16, masks=None if case.masks is None else 40)


MASKING_KINDS = [name for name, case in MASKING_CASES.items() if not case.needs_cuda]
CHANNELS = 64  # of the layer of a ResNet-20 that Score-CAM takes


@pytest.mark.parametrize("name", MASKING_KINDS)
def test_a_masking_row_is_consistent(name: str) -> None:
    case = small_masking(name)
    row = measure_masking(case, "contiguous", repeats=2)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert row["throughput_ratio"] == pytest.approx(1 / row["ratio"])
    assert row["ratio_range"][0] <= row["ratio_range"][1]
    assert row["baseline_seconds"] == min(side["seconds"] for side in row["others"].values())
    assert row["others"][row["baseline"]]["ratio"] == 1
    expected = 40 if case.method == "rise" else CHANNELS + 3  # one finds the layer; some channels may be constant
    assert expected - 4 * (case.method == "scorecam") <= row["forwards"] <= expected
    assert row["drift"]["relative_error"] < (1e-4 if case.dtype == "float32" else 0.05)
    assert row["drift"]["rank_correlation"] > 0.99
    assert min(row["peak_megabytes"], row["baseline_peak_megabytes"]) > 0
    assert {key: row[key] for key in case.options} == case.options
    if case.method == "scorecam":
        assert all(side["library"] == "grad-cam" for side in row["others"].values())
        assert row["agreement"]["rank_correlation"] > 0.95
    else:
        assert set(row["others"]) == {f"bare forwards, {size} at once" for size in (8, 16, 32)}
        assert row["agreement"] is None
    assert json.loads(json.dumps(row)) == row


@pytest.mark.parametrize("competitors", [True, False])
@pytest.mark.parametrize("name", ["scorecam/resnet18", "rise/resnet18/bfloat16"])
def test_all_sides_of_a_masking_row_do_the_same_work(
    name: str, competitors: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their multiplications: as many as `forwards` forwards have, on every side.

    But for two of Score-CAM: its layer is found once, and grad-cam looks at no blank picture.
    """
    sides: dict[str, Any] = {}

    def watched(calls: dict[str, Any], *arguments: Any) -> Any:
        sides.update(calls)
        return interleave(calls, *arguments)

    interleave = masking.interleave
    monkeypatch.setattr(masking, "interleave", watched)
    case = small_masking(name)
    row = measure_masking(case, "contiguous", 1, competitors)
    model, images, _ = prepare(case, "contiguous")
    with FlopCounterMode(display=False) as one:
        model(images)
    few = 2.1 if case.method == "scorecam" else 0.1
    for side, call in sides.items():
        with FlopCounterMode(display=False) as counted:
            call()
        assert counted.get_total_flops() / one.get_total_flops() == pytest.approx(row["forwards"], abs=few), side
    assert ("grad-cam, 16 at once" in sides) == (competitors and case.method == "scorecam")


@pytest.mark.parametrize(("total", "at_once", "sizes"), [(10, 4, [4, 4, 2]), (4, 4, [4]), (3, 8, [3])])
def test_bare_forwards_are_as_many_as_asked_for(total: int, at_once: int, sizes: list[int]) -> None:
    seen: list[Tensor] = []
    model, images = nn.Linear(3, 2), torch.rand(2, 3, 1, 3)
    model.register_forward_hook(lambda _, args, __: seen.append(args[0]))
    logits = bare_forwards(model, images, total, at_once)()
    assert [len(pictures) for pictures in seen] == sizes
    assert all(torch.equal(picture, images[0]) for pictures in seen for picture in pictures)
    assert not logits.requires_grad


def test_grad_cams_score_cam_explains_the_target_and_leaves_the_model_alone(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    model, images = build_model("resnet20", num_classes=5, image_size=32).eval(), torch.rand(2, 3, 32, 32)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    side = gradcam_scorecam("layer3", 16).build(model)
    first, second = (side(images, torch.full((2,), target)) for target in (0, 1))
    assert first.shape == (2, 32, 32) and first.min() == 0 and first.max() == pytest.approx(1, abs=1e-5)
    assert not torch.allclose(first, second)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert not any(module._forward_hooks for module in model.modules())
    assert capsys.readouterr().err == ""
