"""Show where the relevance of the first test batch goes."""

from pathlib import Path
from typing import Any

import lightning as L

from relprop.callbacks.explain import Explain
from relprop.callbacks.loggers import log_table
from relprop.data import Batch
from relprop.lrp import LRP, Audit
from relprop.resuming import write_json
from relprop.rows import finite


class AuditBatch(L.Callback):
    """`engine.audit` of the first test batch: `audit.txt` and `audit.json` in `folder`, and a table to all loggers.

    `explain` says which classes are explained. `line` is the total as a sentence, `summary` what of it belongs into
    `summary.json`.
    """

    def __init__(self, engine: LRP, explain: Explain, folder: Path) -> None:
        self.engine, self.explain, self.folder = engine, explain, folder
        self.summary: dict[str, float | None] = {}
        self.line = ""

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Audit the first batch, whose logits (N, classes) the test step has given as `outputs`."""
        if batch_idx > 0:
            return
        audit = self.engine.audit(batch.images, self.explain.classes(outputs, batch))
        absorbed = audit.absorbed / audit.start if audit.start else None
        self.summary = {"audit_absorbed": finite(absorbed), "audit_error": finite(audit.error)}
        *_, total = str(audit).splitlines()
        self.line = f"audit of the first {len(batch.images)} images: {total}"
        (self.folder / "audit.txt").write_text(f"{audit}\n", encoding="utf-8")
        write_json({"n": len(batch.images), **_plain(audit)}, self.folder / "audit.json")
        for logger in trainer.loggers:
            log_table(logger, "audit", audit.COLUMNS, audit.table())


def _plain(audit: Audit) -> dict[str, Any]:
    """Totals and rows as JSON takes them; the causes of what was absorbed with their amounts."""
    rows = [dict(zip(audit.COLUMNS, map(finite, values), strict=True)) for values in audit.table()]
    causes = [{cause: finite(amount) for cause, amount in row.absorbed.items()} for row in audit.rows]
    return {
        "start": finite(audit.start),
        "absorbed": finite(audit.absorbed),
        "error": finite(audit.error),
        "rows": [{**row, "causes": by} for row, by in zip(rows, causes, strict=True)],
    }
