"""What the server answers at all: the page's own requests, and files of its own folders. The rest does not exist."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from relprop.demo.question import MOST_BYTES, Form, RefusedError, read_question

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

API = "/gradio_api"
FILE, QUESTION, UPLOAD = f"{API}/file=", f"{API}/queue/join", f"{API}/upload"
READ = frozenset(
    {
        *("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt"),
        *(f"{API}/{name}" for name in ("startup-events", "queue/data", "upload_progress", "info", "app_id")),
    }
)
BELOW = ("/assets/", "/static/", "/svelte/", f"{API}/heartbeat/")
_HOST = re.compile(r"([\w.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?", re.ASCII)
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
FILE_POLICY = "default-src 'none'; sandbox"  # a file is looked at or saved; whatever it is, it does nothing
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Gate:
    """ASGI middleware in front of Gradio, which can do more than this page asks of it: fetch addresses, serve proxies.

    - `folders`: those whose files are served.
    - `hosts`: names by which the server may be called, None for any. A page of somebody else's, whose own name points
      here, is turned away by it; and any page of another origin is, always.
    - `forms`: those of the questions that the page asks; see `read_question`.
    - `most_uploaded`: bytes that one upload may have. `before_upload` is called, in a thread, before each is taken in.

    What Gradio cannot make anything of, as its answers to requests that no page makes are errors, is answered and noted
    in one line.
    """

    def __init__(
        self,
        app: App,
        folders: Sequence[Path],
        hosts: Iterable[str] | None,
        forms: Mapping[int, Form],
        most_uploaded: int,
        before_upload: Callable[[], None],
    ) -> None:
        self.app, self.forms = app, forms
        self.folders = [folder.resolve() for folder in folders]
        self.hosts = None if hosts is None else frozenset(hosts)
        self.most_uploaded, self.before_upload = most_uploaded, before_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            self._check_sender(_headers(scope))
            await self._route(scope, receive, send)
        except RefusedError as refused:
            await _answer(send, refused.status, str(refused))

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = (scope["method"], scope["path"])
        if asked == ("POST", QUESTION):
            body = read_question(await _read(receive), self.forms, self.holds)
            await self._pass(_without(scope, b"content-length"), _again(body, receive), send, POLICY)
        elif asked == ("POST", UPLOAD):
            self._check_length(_headers(scope))
            await asyncio.to_thread(self.before_upload)
            await self._pass(scope, receive, send, POLICY)
        elif scope["method"] not in ("GET", "HEAD"):
            raise RefusedError(404, "not found")
        elif scope["path"].startswith(FILE) and self.holds(scope["path"].removeprefix(FILE)):
            await self._pass(_without(scope, b"range"), receive, send, FILE_POLICY)  # whole files: they are small
        elif scope["path"] in READ or (scope["path"].startswith(BELOW) and ".." not in scope["path"]):
            await self._pass(scope, receive, send, POLICY)
        else:
            raise RefusedError(404, "not found")

    def holds(self, name: str) -> bool:
        """Whether `name` is the path of a regular file in one of the folders; links are followed first."""
        try:
            file = Path(name).resolve()
            return file.is_file() and any(file.is_relative_to(folder) for folder in self.folders)
        except (OSError, ValueError, RuntimeError):  # no name that a file could have
            return False

    def _check_sender(self, headers: Mapping[str, str]) -> None:
        """Whether the request is for this server, and from a page of its own or from no page at all."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not _HOST.fullmatch(host) or not (self.hosts is None or _without_port(host) in self.hosts):
            raise RefusedError(400, "unknown host")
        by_proxy = headers.get("x-forwarded-host", host).split(",")[0].strip()
        if not _HOST.fullmatch(by_proxy) or (self.hosts is not None and by_proxy != host):
            raise RefusedError(400, "unknown host")
        if "x-gradio-server" in headers:
            raise RefusedError(400, "unknown server")
        if origin is not None and origin.partition("://")[2] not in (host, by_proxy):
            raise RefusedError(403, "only the page itself may ask; a proxy has to pass the host's name on")

    def _check_length(self, headers: Mapping[str, str]) -> None:
        length = headers.get("content-length", "")
        if not length.isdecimal():
            raise RefusedError(411, "say how long it is")
        if int(length) > self.most_uploaded:
            raise RefusedError(413, f"an upload has up to {self.most_uploaded:,} bytes")

    async def _pass(self, scope: Scope, receive: Receive, send: Send, policy: str) -> None:
        """Have Gradio answer; if it fails, say so in one line."""
        begun = False

        async def answer(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = {**HEADERS, "content-security-policy": policy}
                added = [(name.encode(), value.encode()) for name, value in own.items()]
                message = {**message, "headers": [*message.get("headers", []), *added]}
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            log.warning("%s %s was not understood: %r", scope["method"], scope["path"], error)
            if begun:
                await send({"type": "http.response.body", "body": b""})
            else:
                raise RefusedError(400, "this was not understood") from None


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _without(scope: Scope, name: bytes) -> Scope:
    return {**scope, "headers": [header for header in scope["headers"] if header[0] != name]}


def _without_port(host: str) -> str:
    return re.sub(r":\d+$", "", host)


async def _read(receive: Receive) -> bytes:
    """The whole body of a question."""
    body, more = b"", True
    while more:
        message = await receive()
        body += bytes(message.get("body", b""))
        more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            raise RefusedError(413, f"a question has up to {MOST_BYTES:,} bytes")
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that was read already, then what follows it."""
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Message:
        return next(messages, None) or await receive()

    return again


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
