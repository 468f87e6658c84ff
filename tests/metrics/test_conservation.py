"""ΣR at the image and at steps against the engine's audit, and against what rules are known to absorb."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop import LRP
from relprop.errors import UserError
from relprop.metrics.conservation import Conservation, matching
from tests.networks import network_of

TARGET = torch.tensor([0, 3, 1])


@pytest.fixture(scope="module")
def network() -> nn.Module:
    residual = [lambda b, x: F.relu(b.norm(b.conv(x)) + x), lambda b, x: F.relu(b.conv(x)) + b.other(x)]
    return network_of(*residual)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def scored(engine: LRP, images: Tensor, target: Tensor = TARGET, **options: object) -> Conservation:
    metric = Conservation(engine.model, engine.trace, **options)
    metric.update(images, torch.rand(len(images), 8, 8), target)
    return metric


@pytest.mark.parametrize("start", ["probability", "logit", "one", "softmax"])
def test_a_conserving_composite_loses_nothing(network: nn.Module, images: Tensor, start: str) -> None:
    metric = scored(LRP(network, "zplus", bias="distribute", start=start), images)
    with torch.no_grad():
        logits = network(images)
    values = {"probability": logits.softmax(1), "logit": logits, "one": torch.ones(3, 5), "softmax": torch.ones(3, 5)}
    expected = values[start][torch.arange(3), TARGET].tolist()
    assert [row["start"] for row in metric.rows] == pytest.approx(expected, rel=1e-5)
    assert [row["input"] for row in metric.rows] == pytest.approx(expected, rel=1e-5)
    assert metric.compute()["worst_relative_error"] <= 1e-5


@pytest.mark.parametrize("composite", ["zplus", "otsuki2024", "epsilon", "alpha2_beta1"])
def test_what_is_missing_is_what_the_audit_says(network: nn.Module, images: Tensor, composite: str) -> None:
    engine = LRP(network, composite, skip="flows_skip", dtype="float64")
    metric = scored(engine, images)
    for i, row in enumerate(metric.rows):
        audit = engine.audit(images[i : i + 1], TARGET[i : i + 1])
        assert row["start"] == pytest.approx(audit.start)
        assert row["start"] - row["input"] == pytest.approx(audit.absorbed, abs=1e-9)
        assert row["relative_error"] == pytest.approx(abs(audit.absorbed / audit.start), abs=1e-9)


def test_mean_and_worst_over_all_updates(network: nn.Module, images: Tensor) -> None:
    engine = LRP(network, "epsilon")
    metric = Conservation(network, engine.trace)
    for part in (slice(0, 2), slice(2, 3)):
        metric.update(images[part], torch.zeros(len(images[part]), 8, 8), TARGET[part])
    errors = [row["relative_error"] for row in metric.rows]
    assert metric.better == {"relative_error": "lower"}
    assert metric.compute() == pytest.approx({"relative_error": sum(errors) / 3, "worst_relative_error": max(errors)})
    assert max(errors) > 2 * min(errors)
    assert set(metric.rows[0]) == {"target", "relative_error", "start", "input"}


def test_sums_at_steps_follow_the_trace(network: nn.Module, images: Tensor) -> None:
    engine = LRP(network, "epsilon")
    trace = engine.trace(images, TARGET)
    metric = scored(engine, images, steps=["head", "block?.conv", "input"])
    for i, row in enumerate(metric.rows):
        assert row["steps"] == ["input", "block0.conv", "block1.conv", "head"]
        assert row["sums"] == pytest.approx([trace[name][i].sum(dtype=torch.float64).item() for name in row["steps"]])
        assert (row["sums"][0], row["sums"][-1]) == (row["input"], row["start"])
    assert scored(engine, images, steps="hea*").rows[0]["steps"] == ["head"]


def test_only_steps_that_all_relevance_passes_can_equal_the_start(network: nn.Module, images: Tensor) -> None:
    engine = LRP(network, "zplus", start="one", bias="distribute")
    (row, *_) = scored(engine, images, steps=["head", "pool", "block0.conv"]).rows
    sums = dict(zip(row["steps"], row["sums"], strict=True))
    assert (sums["head"], sums["pool"]) == pytest.approx((1, 1), rel=1e-5)
    assert abs(sums["block0.conv"]) < 0.9


def test_an_image_does_not_depend_on_its_neighbours_nor_on_inference_mode(network: nn.Module, images: Tensor) -> None:
    engine = LRP(network, "epsilon")
    together = scored(engine, images, steps=["block*"]).rows
    with torch.inference_mode():
        for i, row in enumerate(together):
            (alone,) = scored(engine, images[i : i + 1].clone(), TARGET[i : i + 1], steps=["block*"]).rows
            assert alone["sums"] == pytest.approx(row["sums"], rel=1e-3, abs=1e-6)
            assert alone["relative_error"] == pytest.approx(row["relative_error"], rel=1e-3)


def test_a_start_of_zero_does_not_divide_and_warns(network: nn.Module, images: Tensor) -> None:
    def trace(images: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"input": images, "head": torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, -2.0]])}

    metric = Conservation(network, trace)
    with pytest.warns(UserWarning, match="relevance that starts at 0"):
        metric.update(images, torch.zeros(3, 8, 8), TARGET)
    totals = images.double().sum((1, 2, 3)).tolist()
    expected = [abs(totals[0]), abs(totals[1] - 2) / 2, abs(totals[2] + 2) / 2]
    assert [row["relative_error"] for row in metric.rows] == pytest.approx(expected)


def test_patterns_that_fit_nothing_are_refused_with_the_nearest(network: nn.Module, images: Tensor) -> None:
    names = ["input", "stem", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1", "fc"]
    assert matching(["layer?.0.conv1", "fc"], names) == ["layer1.0.conv1", "layer2.0.conv1", "fc"]
    assert matching([], names) == []
    with pytest.raises(UserError, match=r"'layer3\.0\.conv1' fits none of the 6 .* nearest: layer2\.0\.conv1, layer1"):
        matching(["fc", "layer3.0.conv1"], names)
    with pytest.raises(UserError, match=r"steps: 'block7\*' fits none .*block"):
        scored(LRP(network), images, steps=["block7*"])


def test_steps_without_one_entry_per_image_are_refused(network: nn.Module, images: Tensor) -> None:
    def trace(images: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"input": images, "scale": torch.ones(4, 1, 1), "head": torch.ones(3, 5)}

    with pytest.raises(UserError, match=r"step scale has relevance \(4, 1, 1\), not one entry for each of 3 images"):
        Conservation(network, trace, steps=["scale"]).update(images, torch.zeros(3, 8, 8), TARGET)
