"""Markdown as written, and as a CommonMark parser with GitHub's tables reads it."""

from xml.etree import ElementTree

from markdown_it import MarkdownIt

from relprop.tables import Column, Table, to_markdown
from tests.tables.examples import PLAIN, SCORES


def read(markdown: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{MarkdownIt('commonmark').enable('table').render(markdown)}</div>")


def test_as_written() -> None:
    assert to_markdown(PLAIN) == (
        "50 % of R&D\n\n"
        "| name | score | n |\n"
        "| --- | ---: | ---: |\n"
        "| a\\|b\\_c | 1.00 ± 0.25 | 3 |\n"
        "| d | -2.00 | – |\n"
        "| e | – | 4 |\n"
        "| f | – | 5 |\n\n"
        "±: over seeds; ρ \\< 1\n"
    )


def test_without_words_around_it() -> None:
    assert to_markdown(Table([Column("a")], [[1]])) == "| a |\n| ---: |\n| 1 |\n"


def test_a_cell_stays_in_its_line() -> None:
    cell = to_markdown(Table([Column("a")], [["one\ntwo | \\three\\ *four* `five` [six]"]])).splitlines()[-1]
    assert cell == r"| one two \| \\three\\ \*four\* \`five\` \[six] |"


def test_a_parser_reads_what_was_given() -> None:
    page = read(to_markdown(SCORES))
    header, *rows = [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]
    assert header == ["method", "strict: insertion ↑", "strict: deletion ↓", "otsuki2024: insertion ↑", "n"]
    assert rows == [
        ["ResNet-20", "", "", "", ""],
        ["lrp", "0.61 ± 0.24 [0.59, 0.63]", "0.25", "70.0%", "1,000"],
        ["[ours]", "0.61 [0.60, 0.62]", "0.00", "–", "1,000"],
        ["rise", "failed", "0.00", "-71.3%", "1,000"],
        ["ResNet_56", "", "", "", ""],
        ["lrp", "0.40 ± 0.10 [0.30, 0.50]", "0.50", "125.0%", "20"],
        ["rise", "failed", "0.75", "–", "20"],
    ]
    assert [cell.get("style") for cell in page.iter("th")] == [None, *["text-align:right"] * 4]
    paragraphs = ["".join(paragraph.itertext()) for paragraph in page.iter("p")]
    assert paragraphs == ["Scores", "n: images.", "failed: out of memory_1"]


def test_the_best_is_bold_and_the_second_underlined_without_their_spread() -> None:
    page = read(to_markdown(SCORES))
    bold = [cell.text for cell in page.iter("strong")]
    assert bold == ["ResNet-20", "0.61", "70.0%", "0.61", "0.00", "0.00", "ResNet_56", "0.50"]
    assert [cell.text for cell in page.iter("ins")] == ["-71.3%", "0.75"]
