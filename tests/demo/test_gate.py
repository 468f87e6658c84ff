"""The gate in front of an application that answers whatever it is asked."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from relprop.demo.gate import Gate
from relprop.demo.question import MOST_BYTES, Form

API = "/gradio_api"
LOCAL = ("127.0.0.1", "localhost", "[::1]")
QUESTION = {"fn_index": 3, "data": [None, "lrp"], "session_hash": "abc", "event_data": None, "trigger_id": 7}


@dataclass
class Behind:
    """The application behind the gate: keeps what has come through; `fails` says how, if it is to."""

    came: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    fails: str = ""

    async def __call__(self, scope: Any, receive: Callable, send: Callable) -> None:
        body = b""
        if scope["type"] == "http" and scope["method"] == "POST":
            body = (await receive())["body"]
        self.came.append((scope, body))
        if self.fails == "before":
            raise KeyError("what a traceback would say")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.fails == "within":
            raise KeyError("what a traceback would say")
        await send({"type": "http.response.body", "body": b"through"})


@dataclass
class Outside:
    """A browser, or somebody who pretends to be one."""

    gate: Gate
    behind: Behind
    uploads: list[str]

    def ask(
        self, path: str, method: str = "GET", body: bytes = b"", chunk: int = 2**20, kind: str = "http", **headers: str
    ) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of the answer. `headers` have _ for -."""
        given = {"host": "127.0.0.1:7860", **{name.replace("_", "-"): value for name, value in headers.items()}}
        raw = [(name.encode(), value.encode("latin-1")) for name, value in given.items()]
        scope = {"type": kind, "method": method, "path": path, "headers": raw}
        parts = [body[i : i + chunk] for i in range(0, len(body), chunk)] or [b""]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.gate(scope, receive, send))
        assert not sent[-1].get("more_body") and sent[-1]["type"] != "http.response.start"
        if kind == "websocket":
            return sent[0]["code"], sent[0]["type"], {}
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], b"".join(message["body"] for message in sent[1:]).decode(), told

    def status(self, path: str, method: str = "GET", **options: Any) -> int:
        return self.ask(path, method, **options)[0]

    def question(self, **changes: Any) -> int:
        return self.status(f"{API}/queue/join", "POST", body=json.dumps({**QUESTION, **changes}).encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where uploads lie, with one; a secret lies beside it."""
    uploads = tmp_path / "uploads"
    (uploads / "hash").mkdir(parents=True)
    (uploads / "hash" / "cat.png").write_bytes(b"cat")
    (tmp_path / "secret.ckpt").write_bytes(b"secret")
    return uploads


@pytest.fixture
def outside(folder: Path) -> Callable[..., Outside]:
    def build(hosts: tuple[str, ...] | None = LOCAL, fails: str = "") -> Outside:
        behind, uploads = Behind(fails=fails), list[str]()
        forms = {3: Form(2, frozenset({0}))}
        gate = Gate(behind, [folder], hosts, forms, 1000, lambda: uploads.append("made room"))
        return Outside(gate, behind, uploads)

    return build


OPEN = (
    *(
        "/",
        "/config",
        "/theme.css",
        "/assets/index.js",
        "/static/js/iframeResizer.contentWindow.min.js",
        "/favicon.ico",
    ),
    *(f"{API}/{name}" for name in ("heartbeat/abc", "queue/data", "upload_progress", "startup-events")),
)
CLOSED = (
    *("/monitoring", "/login", "/docs", "/openapi.json", "/svelte", "/assets", "/assets/../secret", "/pwa_icon"),
    *("//", "", "/config/", "/Config", "/file=/etc/passwd", "/queue/join", "/gradio_api", "/gradio_api/"),
    *(f"{API}/{name}" for name in ("proxy=http://a.b/", "file/etc/passwd", "custom_component/a/client/b/c.js")),
    *(f"{API}/{name}" for name in ("dev/reload", "vibe-edit/", "vibe-code/", "process_recording", "stream/a", "runs")),
    *(f"{API}/{name}" for name in ("run/predict", "api/predict", "call/begin", "call/v2/begin", "component_server")),
    *(f"{API}/{name}" for name in ("monitoring", "token", "user", "login_check", "deep_link", "queue/status", "mcp/")),
    *(f"{API}/{name}" for name in ("cancel", "reset", "heartbeat", "openapi.json", "heartbeat/../deep_link")),
)


@pytest.mark.parametrize("path", OPEN)
def test_the_page_gets_what_it_needs_but_may_not_change_it(outside, path: str) -> None:
    visitor = outside()
    assert visitor.ask(path)[:2] == (200, "through")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"):
        assert visitor.status(path, method) == 404
    assert len(visitor.behind.came) == 1


@pytest.mark.parametrize("path", CLOSED)
def test_nothing_else_exists(outside, path: str) -> None:
    visitor = outside()
    assert {visitor.status(path, method) for method in ("GET", "HEAD", "POST")} == {404}
    assert not visitor.behind.came


def test_a_socket_is_closed_and_a_start_goes_through(outside) -> None:
    visitor = outside()
    assert visitor.ask("/", kind="websocket")[:2] == (1008, "websocket.close")
    assert not visitor.behind.came


def test_files_of_the_folder_are_served_and_no_others(outside, folder: Path) -> None:
    visitor, cat, secret = outside(), folder / "hash" / "cat.png", folder.parent / "secret.ckpt"
    status, _, headers = visitor.ask(f"{API}/file={cat}", range="bytes=2-1")
    assert (status, headers["content-security-policy"]) == (200, "default-src 'none'; sandbox")
    assert b"range" not in dict(visitor.behind.came[0][0]["headers"])
    (folder / "link.png").symlink_to(secret)
    (folder / "folder").symlink_to(folder.parent)
    (folder / "loop").symlink_to(folder / "loop")
    names = (secret, folder, folder / "hash", folder / "link.png", folder / "folder" / "secret.ckpt", folder / "loop")
    more = (f"{folder}/hash/../../secret.ckpt", f"{cat}/../../../secret.ckpt", f"{folder}/missing", f"{cat}\0.png")
    odd = ("", "/", ".", "/etc/passwd", "http://127.0.0.1/a", f"http://{cat}", f"file://{cat}", "a" * 5000, "\0")
    sibling = folder.parent / "uploads-of-others"
    sibling.mkdir()
    (sibling / "dog.png").write_bytes(b"dog")
    for name in (*names, *more, *odd, sibling / "dog.png", str(cat).replace("/", "%2f"), str(cat).upper()):
        assert visitor.status(f"{API}/file={name}") == 404, name
    assert len(visitor.behind.came) == 1


@pytest.mark.parametrize(
    "host", ["evil.com", "evil.com:7860", "127.0.0.1.evil.com", "", "a b", "localhost@evil.com", "[::2]"]
)
def test_a_name_that_somebody_else_has_pointed_here_is_turned_away(outside, host: str) -> None:
    assert outside().status("/", host=host) == 400


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:7861", "[::1]:7860"])
def test_this_machine_knows_its_names(outside, host: str) -> None:
    assert outside().status("/", host=host) == 200


def test_on_a_network_any_name_will_do_but_not_anything(outside) -> None:
    visitor = outside(hosts=None)
    assert {visitor.status("/", host=host) for host in ("box.lan:80", "192.168.0.7:7860", "[fe80::1]")} == {200}
    assert {visitor.status("/", host=host) for host in ("a b", "a/b", "a@b", "ä", "x" * 999)} == {400}
    assert visitor.status("/", x_forwarded_host="a.gradio.live, box") == 200
    assert visitor.status("/", x_forwarded_host="a b") == 400
    assert visitor.status("/", origin="https://a.gradio.live", x_forwarded_host="a.gradio.live") == 200


def test_no_proxy_speaks_for_this_machine(outside) -> None:
    for headers in ({"x_forwarded_host": "evil.com"}, {"x_gradio_server": "http://evil.com"}):
        assert outside().status("/", **headers) == 400


@pytest.mark.parametrize("hosts", [LOCAL, None])
def test_pages_of_others_may_not_ask(outside, hosts: tuple[str, ...] | None) -> None:
    visitor = outside(hosts)
    assert visitor.status("/", origin="http://127.0.0.1:7860") == 200
    for origin in ("http://evil.com", "null", "http://127.0.0.1:8000", "http://127.0.0.1", "", "127.0.0.1:7860"):
        assert visitor.status("/", origin=origin) == 403
        assert visitor.status(f"{API}/upload", "POST", origin=origin, content_length="10") == 403
    assert not visitor.uploads


def test_room_is_made_for_uploads_which_have_a_limit(outside) -> None:
    visitor = outside()
    assert visitor.status(f"{API}/upload", "POST", content_length="1000") == 200
    assert visitor.uploads == ["made room"]
    assert visitor.status(f"{API}/upload", "POST", content_length="1001") == 413
    assert visitor.status(f"{API}/upload", "POST", content_length="9" * 30) == 413
    assert {visitor.status(f"{API}/upload", "POST", content_length=word) for word in ("-1", "", "1e3")} == {411}
    assert visitor.status(f"{API}/upload", "POST") == 411
    assert len(visitor.uploads) == len(visitor.behind.came) == 1


def test_a_question_arrives_as_it_was_asked(outside) -> None:
    visitor = outside()
    assert visitor.status(f"{API}/queue/join", "POST", body=json.dumps(QUESTION).encode(), chunk=7) == 200
    scope, body = visitor.behind.came[0]
    assert json.loads(body) == QUESTION
    assert b"content-length" not in dict(scope["headers"])


def test_other_questions_are_not_asked(outside, folder: Path) -> None:
    visitor = outside()
    assert visitor.question(fn_index=4) == 400
    assert visitor.question(data=[{"path": str(folder.parent / "secret.ckpt")}, "lrp"]) == 403
    assert visitor.question(data=[None, "a" * MOST_BYTES]) == 413
    assert not visitor.behind.came
    assert visitor.question(data=[{"path": str(folder / "hash" / "cat.png")}, "lrp"]) == 200


@pytest.mark.parametrize("fails", ["before", "within"])
def test_what_is_not_understood_ends_with_one_line(outside, fails: str, caplog: pytest.LogCaptureFixture) -> None:
    status, text, _ = outside(fails=fails).ask("/config")
    assert (status, text) == ((400, "this was not understood") if fails == "before" else (200, ""))
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert not any(record.exc_info for record in caplog.records)


def test_answers_forbid_what_the_page_does_not_do(outside) -> None:
    headers = outside().ask("/")[2]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
