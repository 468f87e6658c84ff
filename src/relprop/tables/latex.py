"""A table for a paper: LaTeX with booktabs."""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from relprop.tables.table import Spread, Table, Value

# What LaTeX takes for its own, and signs that an old engine's fonts have in mathematics only.
SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{sign: f"\\{sign}" for sign in "{}$&#_%"},
        "–": "--",
        "…": r"\ldots{}",
        "±": r"$\pm$",
        "×": r"$\times$",
        "−": "$-$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "→": r"$\to$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "ρ": r"$\rho$",
        "ε": r"$\varepsilon$",
        "γ": r"$\gamma$",
    }
)
_SIGN = re.compile("|".join(map(re.escape, SIGNS)))


def to_latex(table: Table, label: str = "") -> str:
    """A table environment, caption above and note below; `label` is what \\ref takes. Needs \\usepackage{booktabs}."""
    align = "".join("r" if table.is_numeric(place) else "l" for place in range(len(table.columns)))
    header = [_escape(column.name) for column in table.columns]
    rows = [
        [_cell(value, column.format) for column, value in zip(table.columns, row, strict=True)] for row in table.rows
    ]
    lines = [
        r"\begin{table}",
        r"  \centering",
        *([f"  \\caption{{{_escape(table.caption)}}}"] if table.caption else []),
        *([f"  \\label{{{label}}}"] if label else []),
        f"  \\begin{{tabular}}{{{align}}}",
        r"    \toprule",
        f"    {' & '.join(header)} \\\\",
        r"    \midrule",
        *(f"    {' & '.join(row)} \\\\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        *([f"  \\par\\smallskip{{\\footnotesize {_escape(table.note)}\\par}}"] if table.note else []),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cell(value: Value, spec: str) -> str:
    """Numbers in mathematics, where a minus is one."""
    if isinstance(value, str):
        return _escape(value)
    mean, std = (value.mean, value.std) if isinstance(value, Spread) else (value, None)
    if mean is None or math.isnan(mean):
        return "--"
    return f"${mean:{spec}}$" if std is None else f"${mean:{spec}} \\pm {std:{spec}}$"


def _escape(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return _SIGN.sub(lambda match: SIGNS[match[0]], " ".join(text.split()))
