"""The audit of the first batch as files and as a table of the loggers."""

import json
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from relprop.callbacks import AuditBatch
from relprop.data import Batch
from relprop.lrp import LRP, Audit, AuditRow
from tests.networks import Functional


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    return Functional().eval()


def audited(model: nn.Module, folder: Path, *loggers: CSVLogger) -> tuple[AuditBatch, Batch]:
    """Two batches seen; the classes to explain are the labels."""
    explain = SimpleNamespace(classes=lambda logits, batch: batch.labels)
    callback = AuditBatch(LRP(model, "epsilon"), explain, folder)
    generator = torch.Generator().manual_seed(1)
    batches = [Batch(torch.randn(n, 3, 8, 8, generator=generator), torch.arange(n), torch.arange(n)) for n in (3, 2)]
    for i, batch in enumerate(batches):
        callback.on_test_batch_end(SimpleNamespace(loggers=loggers), None, None, batch, i)
    return callback, batches[0]


def test_audits_the_first_batch_for_the_classes_to_explain(model: nn.Module, tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path, name="", version="csv")
    assert logger.experiment is not None  # makes its folder, as a trainer does
    callback, first = audited(model, tmp_path, logger)
    expected = LRP(model, "epsilon").audit(first.images, first.labels)
    assert (tmp_path / "audit.txt").read_text() == f"{expected}\n"
    assert callback.line == f"audit of the first 3 images: {str(expected).splitlines()[-1]}"
    assert callback.summary == {
        "audit_absorbed": expected.absorbed / expected.start,
        "audit_error": expected.error,
    }
    written = json.loads((tmp_path / "audit.json").read_text())
    assert (written["n"], written["start"], written["absorbed"]) == (3, expected.start, expected.absorbed)
    for row, kept in zip(expected.rows, written["rows"], strict=True):
        assert list(kept) == list(Audit.COLUMNS)
        assert (kept["step"], kept["rule"], kept["causes"]) == (row.step, row.rule, row.absorbed)
        assert (kept["relevance_out"], kept["relevance_in"]) == (row.relevance_out, row.relevance_in)
    assert len((tmp_path / "csv" / "audit.csv").read_text().splitlines()) == len(expected.rows) + 1


def test_numbers_that_json_has_not_are_null(model: nn.Module, tmp_path: Path, monkeypatch) -> None:
    """No share is left of a start that is zero, and infinity is no number."""
    rows = (AuditRow("head", "Zero()", 0.0, 0.0), AuditRow("body", "Zero()", 1.0, math.inf, {"bias": math.inf}))
    monkeypatch.setattr(LRP, "audit", lambda *_: Audit(rows))
    callback, _ = audited(model, tmp_path)
    assert callback.summary == {"audit_absorbed": None, "audit_error": None}
    head, body = json.loads((tmp_path / "audit.json").read_text(), parse_constant=pytest.fail)["rows"]
    assert (head["relevance_in"], body["relevance_in"], body["causes"]) == (0.0, None, {"bias": None})
