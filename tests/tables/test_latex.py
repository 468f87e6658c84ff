"""LaTeX as written, as its columns add up, and as matplotlib's parser of mathematics reads it."""

import re

import pytest
from matplotlib.mathtext import MathTextParser

from relprop.tables import Column, Table, to_latex
from tests.tables.examples import PLAIN, SCORES


def test_as_written() -> None:
    assert to_latex(PLAIN, label="tab:scores") == "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            r"  \caption{50 \% of R\&D}",
            r"  \label{tab:scores}",
            r"  \begin{tabular}{lrr}",
            r"    \toprule",
            r"    name & score & n \\",
            r"    \midrule",
            r"    a\textbar{}b\_c & $1.00 \pm 0.25$ & $3$ \\",
            r"    d & $-2.00$ & -- \\",
            r"    e & -- & $4$ \\",
            r"    f & -- & $5$ \\",
            r"    \bottomrule",
            r"  \end{tabular}",
            r"  \par\smallskip{\footnotesize $\pm$: over seeds; $\rho$ \textless{} 1\par}",
            r"\end{table}",
            "",
        ]
    )


def test_groups_sections_intervals_and_marks() -> None:
    assert to_latex(SCORES).splitlines()[3:-1] == [
        r"  \begin{tabular}{lrrrr}",
        r"    \toprule",
        r"     & \multicolumn{2}{c}{strict} & \multicolumn{1}{c}{otsuki2024} &  \\",
        r"    \cmidrule(lr){2-3} \cmidrule(lr){4-4}",
        r"    method & insertion $\uparrow$ & deletion $\downarrow$ & insertion $\uparrow$ & n \\",
        r"    \midrule",
        r"    \multicolumn{5}{l}{\emph{ResNet-20}} \\",
        r"    lrp & $\mathbf{0.61} \pm 0.24$ {\scriptsize $[0.59, 0.63]$} & $0.25$ & $\mathbf{70.0\%}$ & $1{,}000$ \\",
        r"    {}[ours] & $\mathbf{0.61}$ {\scriptsize $[0.60, 0.62]$} & $\mathbf{0.00}$ & -- & $1{,}000$ \\",
        r"    rise & failed & $\mathbf{0.00}$ & $\underline{-71.3\%}$ & $1{,}000$ \\",
        r"    \midrule",
        r"    \multicolumn{5}{l}{\emph{ResNet\_56}} \\",
        r"    lrp & $0.40 \pm 0.10$ {\scriptsize $[0.30, 0.50]$} & $\mathbf{0.50}$ & $125.0\%$ & $20$ \\",
        r"    rise & failed & $\underline{0.75}$ & -- & $20$ \\",
        r"    \bottomrule",
        r"  \end{tabular}",
        r"  \par\smallskip{\footnotesize n: images.\par}",
        r"  \par\smallskip{\footnotesize failed: out of memory\_1\par}",
    ]


@pytest.mark.parametrize(
    "table", [PLAIN, SCORES, Table([Column("a"), Column("b"), Column("c", group="g", better="lower")], [])]
)
def test_every_line_fills_the_columns_and_braces_and_mathematics_are_closed(table: Table) -> None:
    text = to_latex(table)
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    for line in re.findall(r"^ *(.*) \\\\$", body, flags=re.MULTILINE):
        spans = [re.match(r"\\multicolumn\{(\d+)\}", cell) for cell in re.split(r"(?<!\\)& ?", line)]
        assert sum(int(span[1]) if span else 1 for span in spans) == len(table.columns), line
    bare = re.sub(r"\\[{}$\\]", "", text)
    assert bare.count("{") == bare.count("}") and bare.count("$") % 2 == 0
    for formula in re.findall(r"(?<!\\)\$(.+?)(?<!\\)\$", text):
        MathTextParser("path").parse(f"${formula}$")


def test_only_a_table_wider_than_the_page_is_made_smaller() -> None:
    """Ten columns of eight characters, two between them, just fit."""
    fits, wide = (to_latex(Table([Column("a")] * 10, [["b" * 8] * 9 + ["b" * last]])) for last in (8, 9))
    assert "resizebox" not in fits
    lines = [line.strip() for line in wide.splitlines()]
    scaled = r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%"
    assert lines[2:4] == [scaled, r"\begin{tabular}{llllllllll}"]
    assert lines[-3:-1] == [r"\end{tabular}", "}"]


@pytest.mark.parametrize(
    ("number", "spec", "set_as"),
    [
        (1234, ".3g", r"$1.23 \times 10^{3}$"),
        (1e-5, ".2e", r"$1.00 \times 10^{-5}$"),
        (-0.125, ".1%", r"$-12.5\%$"),
        (1234567, ",", "$1{,}234{,}567$"),
        (float("inf"), ".2f", r"$\infty$"),
        (-0.001, ".2f", "$0.00$"),
    ],
)
def test_numbers_are_mathematics(number: float, spec: str, set_as: str) -> None:
    assert to_latex(Table([Column("a", spec)], [[number]])).splitlines()[6] == f"    {set_as} \\\\"


@pytest.mark.parametrize(
    ("text", "set_as"),
    [
        ("\\", r"\textbackslash{}"),
        ("{}", r"\{\}"),
        ("$#_%&", r"\$\#\_\%\&"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("9×9 – 2−1 → ↑", r"9$\times$9 -- 2$-$1 $\to$ $\uparrow$"),
        ("\\pm{$x$}", r"\textbackslash{}pm\{\$x\$\}"),
        ("[0.5em] and *", "{}[0.5em] and *"),
        ("*", "{}*"),
    ],
)
def test_no_text_is_taken_for_a_command(text: str, set_as: str) -> None:
    line = to_latex(Table([Column("a")], [[text]])).splitlines()[6]
    assert line == f"    {set_as} \\\\"
