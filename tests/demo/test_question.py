"""What is made of questions before Gradio reads them."""

import json
from typing import Any

import pytest

from relprop.demo.question import MOST_DEPTH, Form, RefusedError, read_question

FORMS = {0: Form(0), 3: Form(3, frozenset({1}))}
OURS = "/uploads/hash/cat.png"
ASKED = {
    "fn_index": 3,
    "data": [None, {"path": OURS, "meta": {"_type": "gradio.FileData"}}, ["lrp", "gradient"]],
    "session_hash": "2f1-_Z",
    "event_data": {"stroke": {"paint": "mean", "side": 4, "cells": [[0, 1]]}},
    "trigger_id": 7,
}


def read(body: bytes) -> Any:
    return json.loads(read_question(body, FORMS, lambda path: path == OURS))


def ask(**changes: Any) -> Any:
    return read(json.dumps({**ASKED, **changes}).encode())


def refusal(**changes: Any) -> int:
    with pytest.raises(RefusedError) as refused:
        ask(**changes)
    return refused.value.status


def test_what_the_page_asks_stays_as_it_is() -> None:
    assert ask() == ASKED
    assert ask(fn_index=0, data=[], event_data=None, trigger_id=None)["data"] == []
    assert ask(data=[None, None, "ä – 日本"])["data"] == [None, None, "ä – 日本"]


def test_what_it_does_not_ask_is_left_out() -> None:
    more = {"event_id": "a", "oauth_token": "b", "simple_format": True, "batched": True, "request": {}, "url": "c"}
    assert ask(**more) == ASKED


def test_of_a_file_only_the_path_remains() -> None:
    given = {"path": OURS, "url": "http://evil.com/a.png", "is_stream": True, "size": -1, "orig_name": "../a", "x": 1}
    assert ask(data=[None, given, ""])["data"][1] == ASKED["data"][1]


ELSEWHERE = (
    "/etc/passwd",
    "",
    OURS + "/..",
    "http://evil.com/a.png",
    "data:image/png;base64,AA",
    1,
    None,
    [OURS],
    True,
)


@pytest.mark.parametrize("path", ELSEWHERE)
def test_files_elsewhere_are_refused(path: Any) -> None:
    assert refusal(data=[None, {"path": path}, ""]) == 403


@pytest.mark.parametrize("value", ["text", OURS, 1, True, [], [{"path": OURS}], {}, {"url": "http://evil.com/a.png"}])
def test_a_file_is_a_file(value: Any) -> None:
    assert refusal(data=[None, value, ""]) == 403


@pytest.mark.parametrize("value", [{"path": OURS}, [{"path": None}], {"a": [{"meta": {"_type": "gradio.FileData"}}]}])
def test_no_file_stands_where_none_is_asked_for(value: Any) -> None:
    assert refusal(data=[value, None, ""]) == 403
    assert refusal(event_data={"value": value}) == 403


@pytest.mark.parametrize(
    "changes",
    [
        *({"fn_index": value} for value in (1, -3, 3.0, "3", None, True, [3], 2**70)),
        *({"data": value} for value in (None, [], [1, None], [1, None, 2, 3], {"0": 1}, "abc", 3)),
        *({"session_hash": value} for value in (None, "", 3, "a/b", "a" * 65, "a\n", "ä", ["a"])),
        *({"event_data": value} for value in ([], [1], "a", 3, True)),
        *({"trigger_id": value} for value in ("7", 7.5, True, -1, 2**40, [7])),
    ],
)
def test_the_page_asks_nothing_like_that(changes: dict[str, Any]) -> None:
    assert refusal(**changes) == 400


def nested(depth: int) -> Any:
    return [] if depth == 1 else [nested(depth - 1)]


def test_nesting_has_an_end() -> None:
    assert ask(data=[nested(MOST_DEPTH - 2), None, ""])  # the question is one level, its data the next
    assert refusal(data=[nested(MOST_DEPTH - 1), None, ""]) == 400


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"null", b"[]", b"3", b'"a"', b"\xff\xfe", b"[" * 50_000, b'{"a":' * 15_000, b"9" * 5_000),
        json.dumps({**ASKED, "data": ["\ud800", None, ""]}).encode(),
        json.dumps(ASKED).replace("lrp", "\\udfff").encode(),
    ],
)
def test_anything_else_is_no_question(body: bytes) -> None:
    with pytest.raises(RefusedError):
        read(body)


def test_of_two_equal_keys_it_is_the_later_one_that_is_checked_and_sent() -> None:
    body = json.dumps(ASKED)[:-1] + ', "fn_index": 0, "data": []}'
    assert (read(body.encode())["fn_index"], read(body.encode())["data"]) == (0, [])


def test_numbers_that_are_none_go_on_to_those_who_know_what_is_asked() -> None:
    assert read(json.dumps(ASKED).replace("null", "1e999", 1).encode())["data"][0] == float("inf")
