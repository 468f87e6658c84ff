import io

from rich.console import Console
from rich.segment import Segment

from relprop.tables import Table, to_terminal
from tests.tables.examples import PLAIN, SCORES


def segments(table: Table) -> list[Segment]:
    console = Console(width=100, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    return [segment for segment in console.render(to_terminal(table)) if segment.text.strip(" │┃\n")]


def shown(table: Table) -> str:
    return "".join(segment.text for segment in segments(table))


def test_texts_are_shown_as_they_are() -> None:
    assert all(text in shown(PLAIN) for text in ("50 % of R&D", "a|b_c", "1.00 ± 0.25", "–"))


def test_groups_stand_above_names_and_sections_above_rows() -> None:
    text = shown(SCORES)
    order = ["strict", "otsuki2024", "insertion ↑", "deletion ↓", "ResNet-20", "[ours]", "failed", "ResNet_56"]
    assert sorted(order, key=text.index) == order


def test_the_best_is_bold_and_the_second_underlined_without_their_spread() -> None:
    styled = [(segment.text.strip(), segment.style) for segment in segments(SCORES) if segment.style]
    below = styled[[text for text, _ in styled].index("ResNet-20") :]  # headers are bold, too
    bold = [text for text, style in below if style.bold]
    assert bold == ["ResNet-20", "0.61", "70.0%", "0.61", "0.00", "0.00", "ResNet_56", "0.50"]
    assert [text for text, style in below if style.underline] == ["-71.3%", "0.75"]
