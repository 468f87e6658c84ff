"""What a browser asks, held against the questions that the page has."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

MOST_BYTES = 10**5  # of choices, or of a stroke
MOST_DEPTH = 8  # a stroke's cells lie five deep
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE = {"_type": "gradio.FileData"}  # how Gradio knows one
_COUNTS = range(2**31)

Holds = Callable[[str], bool]


class RefusedError(Exception):
    """A request that the page does not make: HTTP's `status`, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Form:
    """What a question holds: a list of so many `inputs`, of which those at `files` are an uploaded file or null."""

    inputs: int
    files: frozenset[int] = frozenset()


def read_question(body: bytes, forms: Mapping[int, Form], holds: Holds) -> bytes:
    """The question as Gradio may read it: what the page sends, and nothing else.

    `forms` are those of the page's questions, by Gradio's index of the function that answers; `holds` tells whether a
    path is one of an uploaded file. Raises `RefusedError` for anything else.
    """
    asked = _parsed(body)
    index = asked.get("fn_index")
    form = forms.get(index) if _is_count(index) else None
    data, event = asked.get("data"), asked.get("event_data")
    if form is None or not isinstance(data, list) or len(data) != form.inputs:
        raise RefusedError(400, "the page has no such question")
    if not isinstance(event, dict | None) or not (asked.get("trigger_id") is None or _is_count(asked["trigger_id"])):
        raise RefusedError(400, "no event of the page is like that")
    session = asked.get("session_hash")
    if not isinstance(session, str) or not _SESSION.fullmatch(session):
        raise RefusedError(400, "a question belongs to a session")
    data = [_file(value, holds) if at in form.files else value for at, value in enumerate(data)]
    if any(_names_file(value) for at, value in enumerate(data) if at not in form.files) or _names_file(event):
        raise RefusedError(403, "no file can be named here")
    kept = {"fn_index": index, "data": data, "session_hash": session}
    return json.dumps({**kept, "event_data": event, "trigger_id": asked.get("trigger_id")}).encode()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
        json.dumps(asked, ensure_ascii=False).encode()  # halves of surrogate pairs cannot be told to anybody
    except (ValueError, RecursionError):
        raise RefusedError(400, "a question is JSON") from None
    if not isinstance(asked, dict) or any(depth > MOST_DEPTH for _, depth in _nested(asked)):
        raise RefusedError(400, f"a question is an object of at most {MOST_DEPTH} levels")
    return asked


def _file(value: Any, holds: Holds) -> dict[str, Any] | None:
    """An uploaded file by its path alone; a page adds an address, which nobody needs."""
    if value is None:
        return None
    path = value.get("path") if isinstance(value, dict) else None
    if not isinstance(path, str) or not holds(path):
        raise RefusedError(403, "only files that were uploaded here can be named")
    return {"path": path, "meta": _FILE}


def _names_file(value: Any) -> bool:
    """Whether anything in `value` could be taken for a file."""
    return any(isinstance(each, dict) and ("path" in each or "meta" in each) for each, _ in _nested(value))


def _nested(value: Any) -> Iterator[tuple[Any, int]]:
    """`value` and whatever lies in it, with the level at which it lies; not by recursion, which has a limit."""
    waiting = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        yield each, depth
        inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        waiting += [(inside, depth + 1) for inside in inner]


def _is_count(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value in _COUNTS
