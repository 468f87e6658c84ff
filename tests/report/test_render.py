"""One HTML document with all in it, and nothing else."""

import json
import re
from html.parser import HTMLParser

import pytest

from relprop.errors import UserError
from relprop.report import Page, Section, render
from relprop.tables import Column, Table
from tests.report.pages import page

VOID = {"meta", "link", "input", "img", "br"}


class Reader(HTMLParser):
    """Tags with their attributes, what is open at each, and the text of each element."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data.strip()))


@pytest.fixture(scope="module")
def html() -> str:
    return render(page())


@pytest.fixture(scope="module")
def reader(html: str) -> Reader:
    return Reader(html)


def test_every_element_is_closed(reader: Reader) -> None:
    assert reader.open == []


def test_nothing_is_fetched(html: str, reader: Reader) -> None:
    for tag, attributes in reader.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
        assert tag not in {"iframe", "object", "embed", "base", "form"}
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttp", html.split('id="sources"')[0])


def test_a_policy_forbids_requests(reader: Reader) -> None:
    (policy,) = [
        a["content"] for t, a in reader.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    assert set(rules.values()) <= {"'none'", "'unsafe-inline'"}


def test_each_picture_is_there_once(html: str, reader: Reader) -> None:
    (texts,) = [text for tag, text in reader.texts if tag == "script" and text.startswith('{"p0"')]
    sources = json.loads(texts)
    used = [a["data-source"] for t, a in reader.tags if t == "img" and "data-source" in a]
    assert set(sources) == set(used)
    # One figure, images 0 to 3, and of each of two methods the heatmaps of these.
    assert len(sources) == 1 + 4 + 2 * 4 == len(set(sources.values()))
    assert html.count("data:image/") == len(sources)


def test_ids_are_unique(reader: Reader) -> None:
    ids = [a["id"] for _, a in reader.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_texts_are_there(reader: Reader) -> None:
    texts = {text for _, text in reader.texts}
    assert {"A report", "What it shows.", "Pictured", "Scores of six", "n: images", "failed: out of memory"} <= texts
    assert {"commit abc", "one", "a: 1\nb: [2]", "conservation", "share of pixels shown", "probability"} <= texts


def test_an_absent_value_says_why(reader: Reader) -> None:
    assert [a["title"] for t, a in reader.tags if t == "td" and "title" in a] == ["out of memory"]


def test_a_page_with_nothing_in_it() -> None:
    reader = Reader(render(Page("", "", [])))
    assert reader.open == []
    empty = Section("Empty", Table([Column("method")], []))
    assert not any(text in ("Curves", "Configs") for _, text in Reader(render(Page("", "", [empty]))).texts)


def test_the_same_page_gives_the_same_text(html: str) -> None:
    assert render(page()) == html


def test_figures_must_be_png() -> None:
    section = Section("Scores", Table([Column("method")], []), figures={"conservation": b"GIF89a"})
    with pytest.raises(UserError, match="figure 'conservation' must be the bytes of a PNG file"):
        render(Page("", "", [section]))
