"""Tables of results: one `Table`, written as Markdown, CSV and LaTeX, or shown on the terminal."""

from relprop.tables.latex import to_latex
from relprop.tables.table import Column, Spread, Table, to_csv, to_markdown, to_terminal

__all__ = ["Column", "Spread", "Table", "to_csv", "to_latex", "to_markdown", "to_terminal"]
