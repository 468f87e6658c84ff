"""Where relevance goes: how much arrives at every step, how much it hands on, and what it keeps."""

from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isnan


@dataclass(frozen=True)
class AuditRow:
    """One step. `relevance_out` arrives at its output, `relevance_in` goes on to its inputs, summed over the batch.

    `absorbed` is what the step's rule says it lost, by cause: "bias", "stabilizer", "filter", "padding", "stop". It is
    computed from the rule's formula, not as the difference of the other two.
    """

    step: str
    rule: str
    relevance_out: float
    relevance_in: float
    absorbed: dict[str, float] = field(default_factory=dict)

    @property
    def lost(self) -> float:
        """All that was absorbed."""
        return sum(self.absorbed.values())

    @property
    def error(self) -> float:
        """|in + absorbed − out| / |out|: what arithmetic, or a rule that does not conserve, left unexplained."""
        gap = abs(self.relevance_in + self.lost - self.relevance_out)
        if not gap:
            return 0.0
        return gap / abs(self.relevance_out) if self.relevance_out else inf


@dataclass(frozen=True)
class Audit:
    """The relevance of a batch on its way from the logits to the image. `print(audit)` shows it as a table.

    `rows` are in the order in which relevance passes them, the last step of the network first.
    """

    rows: tuple[AuditRow, ...]

    COLUMNS = ("step", "rule", "relevance_out", "relevance_in", "absorbed", "causes", "error")

    @cached_property
    def start(self) -> float:
        """Relevance at the logits."""
        return self.rows[0].relevance_out

    @cached_property
    def absorbed(self) -> float:
        """Relevance that all steps together absorbed."""
        return sum(row.lost for row in self.rows)

    @cached_property
    def error(self) -> float:
        """The largest error of any step."""
        return max((row.error for row in self.rows), key=lambda error: (isnan(error), error))

    def table(self) -> list[list[str | float]]:
        """The rows as values of `COLUMNS`, for loggers and files."""
        return [[r.step, r.rule, r.relevance_out, r.relevance_in, r.lost, _causes(r), r.error] for r in self.rows]

    def __str__(self) -> str:
        width = max(len("step"), *(len(row.step) for row in self.rows))
        head = f"{'step':{width}}  {'out':>12}  {'in':>12}  {'absorbed':>12}  {'error':>8}  by"
        lines = [
            f"{r.step:{width}}  {r.relevance_out:12.5g}  {r.relevance_in:12.5g}  {r.lost:12.5g}  {r.error:8.1e}  "
            f"{_causes(r)}".rstrip()
            for r in self.rows
        ]
        share = f" ({self.absorbed / self.start:.2%})" if self.start else ""
        total = f"{self.start:.5g} at the logits, {self.absorbed:.5g}{share} absorbed, largest error {self.error:.1e}"
        return "\n".join([head, *lines, total])


def _causes(row: AuditRow) -> str:
    return ", ".join(f"{cause} {amount:.3g}" for cause, amount in row.absorbed.items())
