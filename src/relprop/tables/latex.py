"""A table for a paper: LaTeX with booktabs."""

import re
from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType

from relprop.tables.ranking import BEST, SECOND, ranks
from relprop.tables.table import Column, Table
from relprop.tables.values import Spread, Value, number_of, parts, written

# What LaTeX takes for its own, and signs that an old engine's fonts have in mathematics only.
SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        **{sign: f"\\{sign}" for sign in "{}$&#_%"},
        "|": r"\textbar{}",
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
        "α": r"$\alpha$",
        "β": r"$\beta$",
        "γ": r"$\gamma$",
        "ε": r"$\varepsilon$",
        "ρ": r"$\rho$",
    }
)
_SIGN = re.compile("|".join(map(re.escape, SIGNS)))
_LINE = 100  # characters of ten points that fit into a page's width of 7 in
_MARKS = {BEST: r"\mathbf", SECOND: r"\underline"}


def to_latex(table: Table, label: str = "") -> str:
    """A table environment, caption above and notes below; `label` is what \\ref takes. Needs \\usepackage{booktabs}.

    A table that is wider than a page's text is made as small as it takes, for which it needs \\usepackage{graphicx}.
    """
    wide = _characters(table) > _LINE
    align = "".join("r" if table.is_numeric(place) else "l" for place in range(len(table.columns)))
    lines = [
        r"\begin{table}",
        r"  \centering",
        *([f"  \\caption{{{_escape(table.caption)}}}"] if table.caption else []),
        *([f"  \\label{{{label}}}"] if label else []),
        *([r"  \resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%"] if wide else []),
        f"  \\begin{{tabular}}{{{align}}}",
        r"    \toprule",
        *(f"    {line}" for line in [*_group_lines(table), _line([_escape(column.title) for column in table.columns])]),
        *(f"    {line}" for line in _body(table)),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(["  }"] if wide else []),
        *(f"  \\par\\smallskip{{\\footnotesize {_escape(note)}\\par}}" for note in table.notes()),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _characters(table: Table) -> int:
    """About how many characters a line of the table has, with two between columns."""
    lines = [[column.title for column in table.columns], *table.cells()]
    return sum(2 + max(map(len, column)) for column in zip(*lines, strict=True))


def _group_lines(table: Table) -> list[str]:
    """Each group over its columns, with a rule below; nothing if there are none."""
    groups = table.groups()
    if not any(group for group, _ in groups):
        return []
    names = [
        f"\\multicolumn{{{count}}}{{c}}{{{_escape(group)}}}" if group else " & ".join([""] * count)
        for group, count in groups
    ]
    ends = accumulate(count for _, count in groups)
    rules = [
        f"\\cmidrule(lr){{{end - count + 1}-{end}}}" for (group, count), end in zip(groups, ends, strict=True) if group
    ]
    return [_line(names), " ".join(rules)]


def _body(table: Table) -> list[str]:
    """The rows below their sections' headings, with a rule above each section."""
    ranked = ranks(table)
    lines = []
    for heading, rows in table.blocks():
        lines.append(r"\midrule")
        if heading:
            lines.append(_line([f"\\multicolumn{{{len(table.columns)}}}{{l}}{{\\emph{{{_escape(heading)}}}}}"]))
        for row in rows:
            cells = zip(table.rows[row], table.columns, ranked[row], strict=True)
            lines.append(_line([_cell(*cell) for cell in cells]))
    return lines


def _line(cells: list[str]) -> str:
    line = f"{' & '.join(cells)} \\\\"
    return f"{{}}{line}" if line[0] in "[*" else line  # which the end of the line before would take for its own


def _cell(value: Value, column: Column, rank: int | None) -> str:
    """Numbers in mathematics, where a minus is one; the interval in small type behind them."""
    number = number_of(value)
    if number is None:
        return _escape(parts(value, column.format)[0])
    text = _mathematics(number, column.format)
    text = f"{_MARKS[rank]}{{{text}}}" if rank in _MARKS else text
    if not isinstance(value, Spread):
        return f"${text}$"
    std = "" if value.std is None else f" \\pm {_mathematics(value.std, column.format)}"
    if value.interval is None:
        return f"${text}{std}$"
    ends = ", ".join(_mathematics(end, column.format) for end in value.interval)
    return f"${text}{std}$ {{\\scriptsize $[{ends}]$}}"


def _mathematics(number: float, spec: str) -> str:
    """A number as mathematics has it: powers of ten, a comma that is no list's, and a per cent sign."""
    text, _, exponent = written(number, spec).replace("inf", r"\infty").partition("e")
    power = f" \\times 10^{{{int(exponent)}}}" if exponent else ""
    return text.replace(",", "{,}").replace("%", r"\%") + power


def _escape(text: str) -> str:
    """Text that LaTeX sets as it is."""
    return _SIGN.sub(lambda match: SIGNS[match[0]], " ".join(text.split()))
