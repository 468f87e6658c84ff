"""The audit: relevance in, out and absorbed at every step, by cause, as rows and as a table."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from relprop import LRP
from relprop.lrp import COMPOSITES, Audit, AuditRow
from relprop.lrp.graph import POOLING, WEIGHTED
from tests.golden_files import network, tensors
from tests.networks import network_of


def test_a_row_adds_up_its_causes_and_finds_what_is_missing() -> None:
    row = AuditRow("fc", "ZPlus", relevance_out=2.0, relevance_in=1.0, absorbed={"bias": 0.75, "stabilizer": 0.25})
    assert (row.lost, row.error) == (1.0, 0.0)
    assert AuditRow("fc", "Flat", relevance_out=-2.0, relevance_in=-1.0).error == 0.5
    assert AuditRow("fc", "Flat", relevance_out=0.0, relevance_in=0.0).error == 0.0
    assert AuditRow("fc", "Flat", relevance_out=0.0, relevance_in=1.0).error == float("inf")


def test_an_audit_sums_up_its_rows() -> None:
    rows = (AuditRow("fc", "ZPlus()", 4.0, 3.0, {"bias": 1.0}), AuditRow("conv", "Pass()", 3.0, 2.0, {"stop": 0.7}))
    audit = Audit(rows)
    assert (audit.start, audit.absorbed, audit.error) == (4.0, 1.7, pytest.approx(0.1))
    assert audit.table() == [
        ["fc", "ZPlus()", 4.0, 3.0, 1.0, "bias 1", 0.0],
        ["conv", "Pass()", 3.0, 2.0, 0.7, "stop 0.7", pytest.approx(0.1)],
    ]


@pytest.mark.parametrize("composite", ["zplus", "otsuki2024", "epsilon"])
def test_printed_as_a_table_with_head_rows_and_total(composite: str, model: nn.Module, images: Tensor) -> None:
    audit = LRP(model, composite).audit(images)
    head, *lines, total = str(audit).splitlines()
    assert head.split() == ["step", "out", "in", "absorbed", "error", "by"]
    assert len(lines) == len(audit.rows) == len(audit.table())
    for line, row, cells in zip(lines, audit.rows, audit.table(), strict=True):
        step, out, handed_on, lost, error, *causes = line.split()
        assert [step, float(error)] == [row.step, pytest.approx(row.error, rel=0.1)]
        shown = [float(number) for number in (out, handed_on, lost)]
        assert shown == pytest.approx([row.relevance_out, row.relevance_in, row.lost], rel=1e-4)
        assert " ".join(causes) == dict(zip(Audit.COLUMNS, cells, strict=True))["causes"]
    assert total.startswith(
        f"{audit.start:.5g} at the logits, {audit.absorbed:.5g} ({audit.absorbed / audit.start:.2%}"
    )
    assert total.endswith(f"largest error {audit.error:.1e}")


def test_relevance_that_cancels_in_the_sum_is_audited_too() -> None:
    torch.manual_seed(0)
    model, features = nn.Sequential(nn.Linear(6, 3, bias=False)), torch.randn(1, 6)
    audit = LRP(model, "epsilon", start="logit").audit(torch.cat((features, -features)), 0)
    assert audit.start == 0
    assert "0 at the logits, " in str(audit)


def test_rows_say_the_rule_and_follow_relevance(model: nn.Module, images: Tensor) -> None:
    engine = LRP(model)
    audit, trace = engine.audit(images), engine.trace(images)
    assert [row.step for row in audit.rows] == [*trace][:0:-1]
    assert audit.start == pytest.approx(model(images).softmax(1).amax(1).sum().item())
    steps = {step.name: step for step in engine.graph.steps}
    for row in audit.rows:
        assert row.rule == engine.plan.describe(steps[row.step])
        assert row.relevance_out == pytest.approx(trace[row.step].sum(dtype=torch.float64).item())


@pytest.mark.parametrize("share", [0.5, 0.01])
@pytest.mark.parametrize("composite", ["zplus", "otsuki2024"])
def test_what_the_filter_takes_is_booked_as_filter(
    composite: str, share: float, model: nn.Module, images: Tensor
) -> None:
    engine = LRP(model, composite, relevance_filter=share)
    audit = engine.audit(images)
    assert audit.error <= 1e-5
    kinds = {step.name: step.kind for step in engine.graph.steps}
    filtered = {row.step for row in audit.rows if "filter" in row.absorbed}
    assert filtered == {row.step for row in audit.rows if kinds[row.step] in WEIGHTED | POOLING}
    assert sum(row.absorbed.get("filter", 0.0) for row in audit.rows) > 0
    assert not any("filter" in row.absorbed for row in LRP(model, composite).audit(images).rows)


def test_the_causes_are_what_the_rules_and_steps_say(images: Tensor) -> None:
    padded = network_of(lambda b, x: F.pad(b.conv(x), (1, 1, 1, 1)) + b.shift, lambda b, x: b.norm(b.conv(x)))
    audit = LRP(padded, "epsilon").audit(images[:, :, :8, :8])
    causes = {row.step: set(row.absorbed) for row in audit.rows}
    assert causes["head"] == causes["block1.conv"] == {"bias", "stabilizer"}
    assert causes["block0.pad"] == {"padding"}
    assert causes["block1.norm"] == causes["relu"] == set()
    by_step = {row.step: row for row in audit.rows}
    assert by_step["block0.pad"].absorbed["padding"] != 0  # what the constant made of the padding is seen
    assert by_step["block0.pad"].error <= 1e-5


def test_bias_absorbs_its_share_of_the_sum() -> None:
    model = nn.Sequential(nn.Linear(2, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
        model[0].bias.fill_(5.0)
    audit = LRP(model, "epsilon", start="one", dtype="float64").audit(torch.ones(1, 2))
    (row,) = audit.rows
    assert (row.relevance_out, row.relevance_in) == (1.0, pytest.approx(3 / 8, abs=1e-6))
    assert row.absorbed == {"bias": pytest.approx(5 / 8, abs=1e-6), "stabilizer": pytest.approx(1e-6 / 8, rel=1e-3)}


@pytest.mark.parametrize("name", ["resnet_basic", "resnet_bottleneck"])
def test_what_the_published_epsilon_loses_is_reported(name: str) -> None:
    images = tensors("inputs")["x64"]
    engine = LRP(network(name), COMPOSITES["otsuki2024"])
    audit = engine.audit(images)
    assert audit.error <= 1e-5
    assert 0 < audit.absorbed < audit.start
    assert {cause for row in audit.rows for cause in row.absorbed if row.lost} == {"stabilizer"}
    left = engine.attribute(images).sum(dtype=torch.float64).item()
    assert left == pytest.approx(audit.start - audit.absorbed, abs=1e-5 * audit.start)
