"""Values as they are written, and texts that must not be taken for markup."""

import csv
import io
import math

import pytest
from rich.console import Console

from relprop.errors import UserError
from relprop.tables import Column, Spread, Table, to_csv, to_latex, to_markdown, to_terminal

COLUMNS = (Column("name"), Column("score", ".2f"), Column("n"))
TABLE = Table(
    COLUMNS,
    [["a|b_c", Spread(1.005, 0.25), 3], ["d", Spread(-2.0, None), None], ["e", None, 4], ["f", math.nan, 5]],
    caption="50 % of R&D",
    note="±: over seeds; ρ < 1",
)


def test_markdown() -> None:
    assert to_markdown(TABLE) == (
        "50 % of R&D\n\n"
        "| name | score | n |\n"
        "| --- | ---: | ---: |\n"
        "| a\\|b\\_c | 1.00 ± 0.25 | 3 |\n"
        "| d | -2.00 | – |\n"
        "| e | – | 4 |\n"
        "| f | – | 5 |\n\n"
        "±: over seeds; ρ \\< 1\n"
    )


def test_markdown_without_words_around_it() -> None:
    assert to_markdown(Table([Column("a")], [[1]])) == "| a |\n| ---: |\n| 1 |\n"


def test_markdown_keeps_a_cell_in_its_line() -> None:
    cell = to_markdown(Table([Column("a")], [["one\ntwo | \\three\\ *four* `five` [six]"]])).splitlines()[-1]
    assert cell == r"| one two \| \\three\\ \*four\* \`five\` \[six] |"


def test_csv_has_full_precision_and_standard_deviations_of_their_own() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows == [
        ["name", "score mean", "score std", "n"],
        ["a|b_c", "1.005", "0.25", "3"],
        ["d", "-2.0", "", ""],
        ["e", "", "", "4"],
        ["f", "nan", "", "5"],
    ]
    third = list(csv.reader(io.StringIO(to_csv(Table([Column("a, b")], [[1 / 3]])))))
    assert third[0] == ["a, b"]
    assert float(third[1][0]) == 1 / 3


def test_latex() -> None:
    assert to_latex(TABLE, label="tab:scores") == "\n".join(
        [
            r"\begin{table}",
            r"  \centering",
            r"  \caption{50 \% of R\&D}",
            r"  \label{tab:scores}",
            r"  \begin{tabular}{lrr}",
            r"    \toprule",
            r"    name & score & n \\",
            r"    \midrule",
            r"    a|b\_c & $1.00 \pm 0.25$ & $3$ \\",
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


@pytest.mark.parametrize(
    ("text", "set_as"),
    [
        ("\\", r"\textbackslash{}"),
        ("{}", r"\{\}"),
        ("$#_%&", r"\$\#\_\%\&"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("9×9 – 2−1 → ↑", r"9$\times$9 -- 2$-$1 $\to$ $\uparrow$"),
        ("\\pm{$x$}", r"\textbackslash{}pm\{\$x\$\}"),
    ],
)
def test_latex_takes_no_text_for_a_command(text: str, set_as: str) -> None:
    line = to_latex(Table([Column("a")], [[text]])).splitlines()[6]
    assert line == f"    {set_as} \\\\"


def test_terminal() -> None:
    console = Console(width=60, file=io.StringIO(), record=True)
    console.print(to_terminal(TABLE))
    shown = console.export_text()
    assert all(text in shown for text in ("50 % of R&D", "a|b_c", "1.00 ± 0.25", "–"))


def test_every_row_has_a_value_for_each_column() -> None:
    with pytest.raises(UserError, match="row 2 has 1 values, but there are 2 columns"):
        Table([Column("a"), Column("b")], [[1, 2], [3]])
