import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from relprop import LRP
from relprop.benchmark import (
    ALL_CASES,
    MEMORY_FORMATS,
    LRPCase,
    MaskingCase,
    ScoringCase,
    benchmark,
    competitors,
    held_megabytes,
    masking,
    measure_lrp,
    measure_masking,
    measure_scoring,
    measuring,
    peak_memory,
    select,
    sides,
)
from relprop.benchmark.competitors import COMPETITORS, gradcam_scorecam
from relprop.benchmark.memory import MEGABYTE
from relprop.benchmark.sides import bare_forwards, drift, prepare, using_threads
from relprop.errors import UserError
from relprop.models import build_model

CPU = torch.device("cpu")
SMALL = {"resnet50": "resnet18", "vgg16": "vgg11"}


LRP_CASES = [case for case in ALL_CASES.values() if isinstance(case, LRPCase)]
SCORING_CASES = [case for case in ALL_CASES.values() if isinstance(case, ScoringCase)]
MASKING_CASES = {case.name: case for case in ALL_CASES.values() if isinstance(case, MaskingCase)}


def small(case: LRPCase) -> LRPCase:
    return replace(case, model=SMALL[case.model], batch=2, image_size=32)


# One case of each composite and type: the last one, of VGG if there is any.
KINDS = {(case.composite, case.dtype): small(case) for case in LRP_CASES}


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


@pytest.mark.parametrize("case", SCORING_CASES[:3], ids=lambda case: case.name)
def test_a_scoring_row_is_consistent(case: ScoringCase) -> None:
    row = measure_scoring(replace(case, model="resnet18", batch=1, image_size=32, pictures=16), "contiguous", repeats=1)
    assert row["ratio"] == pytest.approx(row["seconds"] / row["baseline_seconds"])
    assert row["throughput_ratio"] == pytest.approx(1 / row["ratio"])
    assert row["ratio_range"][0] <= row["ratio"] <= row["ratio_range"][1]
    assert row["requested"] == 2 * 103
    assert row["forwards"] <= (2 * 8 if case.levels else row["requested"])
    assert row["drift"] < 1e-4 or (case.dtype == "bfloat16" and row["drift"] < 0.3)
    assert json.loads(json.dumps(row)) == row


def small_masking(name: str) -> MaskingCase:
    case = MASKING_CASES[name]
    return replace(case, model="resnet20", image_size=32, pictures=16, masks=None if case.masks is None else 40)


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
    expected = 40 if case.method == "rise" else 1 + CHANNELS + 1  # some channels may be constant
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
    """By their multiplications: as many as `forwards` forwards have, on every side."""
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
    for side, call in sides.items():
        with FlopCounterMode(display=False) as counted:
            call()
        assert counted.get_total_flops() / one.get_total_flops() == pytest.approx(row["forwards"], rel=0.02), side
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


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
def test_network_and_images_have_the_memory_format_of_the_row(
    memory_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(name: str, **size: Any) -> nn.Module:
        model = build_model(name, **size)
        model.register_forward_hook(lambda model, args, _: seen.append((args[0], next(model.parameters()))))
        return model

    monkeypatch.setattr(sides, "build_model", watched)
    row = measure_lrp(replace(KINDS["zplus", "float32"], model="resnet20"), memory_format, repeats=1, competitors=False)
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
    row = measure_lrp(replace(KINDS["epsilon", "float32"], model="resnet18"), "contiguous", repeats=1)
    assert "additions" in row["others"]["captum EpsilonRule"]["left_out"]
    assert "seconds" not in row["others"]["captum EpsilonRule"]
    assert "left_out" not in row["others"]["zennit Epsilon"]


@pytest.mark.parametrize(
    ("composite", "name"), [(composite, name) for composite, names in COMPETITORS.items() for name in names]
)
def test_competitors_explain_the_target_and_leave_the_model_alone(composite: str, name: str) -> None:
    model, images = build_model("vgg11", num_classes=5, image_size=32).eval(), torch.rand(2, 3, 32, 32)
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


def test_cases_are_chosen_by_name_and_shell_pattern() -> None:
    (case,), _ = select("lrp/vgg16/zplus/batch1", None, has_cuda=False)
    assert case == ALL_CASES["lrp/vgg16/zplus/batch1"]
    chosen, _ = select(["lrp/resnet50/*"], None, has_cuda=True)
    assert chosen == [case for case in LRP_CASES if case.model == "resnet50"]


def test_large_batches_need_a_gpu() -> None:
    chosen, left_out = select(None, None, has_cuda=False)
    assert {case.batch for case in left_out} == {64, 16, 1}
    assert [case.name for case in left_out if case.batch == 1] == ["rise/resnet50"]
    assert sorted(case.name for case in (*chosen, *left_out)) == sorted(ALL_CASES)
    assert select(None, None, has_cuda=True) == (list(ALL_CASES.values()), [])


def test_a_batch_makes_cases_equal_that_differ_in_nothing_else() -> None:
    chosen, left_out = select(["lrp/vgg16/epsilon/*"], 2, has_cuda=False)
    assert [case.name for case in chosen] == ["lrp/vgg16/epsilon/batch2"]
    assert left_out == []


def test_unknown_cases_list_the_valid_ones() -> None:
    with pytest.raises(UserError, match=re.escape(f"lrp/vgg17/* is unknown; choose one of: {', '.join(ALL_CASES)}")):
        select(["lrp/vgg17/*"], None, has_cuda=False)


def test_benchmark_prints_and_writes_a_line_per_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(case: LRPCase, *options: Any) -> dict[str, Any]:
        return {"case": case.name, "options": options}

    monkeypatch.setattr(measuring, "MEASURES", {LRPCase: row})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    benchmark("lrp/vgg16/zplus/*", "contiguous", 2, None, tmp_path / "benchmark.jsonl", competitors=False)
    printed = capsys.readouterr()
    chosen, left_out = select("lrp/vgg16/zplus/*", None, has_cuda=False)
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert rows == [{"case": case.name, "options": ["contiguous", 2, False]} for case in chosen]
    assert (tmp_path / "benchmark.jsonl").read_text() == printed.out
    assert printed.err == f"left out, since there is no GPU: {', '.join(case.name for case in left_out)}\n"
    with pytest.raises(UserError, match="need a GPU"):
        benchmark("*/batch64", "contiguous", 2, None, tmp_path / "benchmark.jsonl")


def test_threads_are_torchs_until_the_end() -> None:
    before = torch.get_num_threads()
    with using_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with using_threads(None):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [0, 1.5, "many"])
def test_threads_must_be_a_number_above_zero(threads: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"threads={threads} is not valid"):
        benchmark(None, "contiguous", 1, 1, tmp_path / "benchmark.jsonl", threads=threads)


A = torch.zeros(1000)


def one_after_the_other() -> Tensor:
    x = A + 1
    y = x * 2
    del x
    return y * 3


def views_and_changes_in_place() -> Tensor:
    A.add_(0)
    x = A.reshape(10, 100).t().clone()
    return x.mul_(2)[:5].relu_()


def without_memory() -> Tensor:
    return torch.empty(10**6, device="meta").expand(2, -1)


def saved_for_the_backward_pass() -> Tensor:
    x = A.clone().requires_grad_()
    return x.exp().exp().exp()


def the_backward_pass() -> Tensor:
    x = A.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(x.exp().exp().exp(), x, A)
    return gradient


@pytest.mark.parametrize(
    ("call", "tensors"),
    [
        (one_after_the_other, 2),
        (views_and_changes_in_place, 1),
        (without_memory, 0),
        (saved_for_the_backward_pass, 4),
        (the_backward_pass, 6),  # those saved, and the gradients of two layers
    ],
)
def test_peak_memory_of_known_allocations(call: Any, tensors: int) -> None:
    assert peak_memory(call, CPU) == tensors * A.nbytes


def test_held_memory_counts_what_is_not_the_models() -> None:
    model = nn.Sequential(nn.Linear(100, 100, bias=False))
    weight = model[0].weight
    holder = SimpleNamespace(tensors={"two of one": [A, A[:5]], "the model's": (weight.t(),)}, model=model)
    holder.itself = holder
    assert held_megabytes(holder, model) == A.nbytes / MEGABYTE
    single, double = (LRP(model, "epsilon", dtype=dtype) for dtype in ("float32", "float64"))
    assert held_megabytes(single, model) * MEGABYTE < weight.nbytes
    assert held_megabytes(double, model) * MEGABYTE >= 2 * weight.nbytes
