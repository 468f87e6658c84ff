"""Tables of results: one `Table`, written as Markdown, CSV and LaTeX, or shown on the terminal."""

from relprop.tables.delimited import to_csv
from relprop.tables.latex import to_latex
from relprop.tables.markdown import to_markdown
from relprop.tables.ranking import BEST, SECOND, ranks
from relprop.tables.table import Better, Column, Table
from relprop.tables.terminal import to_terminal
from relprop.tables.values import Absent, Spread, Value, number_of, parts, shown

__all__ = [
    "BEST",
    "SECOND",
    "Absent",
    "Better",
    "Column",
    "Spread",
    "Table",
    "Value",
    "number_of",
    "parts",
    "ranks",
    "shown",
    "to_csv",
    "to_latex",
    "to_markdown",
    "to_terminal",
]
