"""Requests that no page makes, sent to the real server. None is to read, run, call or break anything."""

import json
import re
import socket
import struct
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.demo.server import Server
from tests.demo.test_uploads import encoded, png
from tests.demo.visitor import API, Visitor

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("unharmed")]
EVIL = "http://203.0.113.1/evil.png"  # an address that is nobody's


def raw(server: Server, *lines: str, body: bytes = b"") -> bytes:
    """What comes to a request that is sent letter by letter, as no library would."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = b""
        while b"\r\n\r\n" not in answer and (part := connection.recv(2**16)):
            answer += part
    return answer


def test_no_file_comes_but_those_of_the_visitors(server: Server, visitor: Visitor) -> None:
    (path,) = visitor.upload("cat.png", encoded("PNG")).json()
    assert visitor.client.get(f"{API}/file={path}").content == encoded("PNG")
    checkpoint, config = server.checkpoint("resnet"), server.outputs / "train" / "resnet" / "config.yaml"
    (server.uploads / "out.png").symlink_to(config)
    (server.uploads / "folder").symlink_to(server.outputs)
    wanted = [
        *(
            "/etc/passwd",
            str(checkpoint),
            str(config),
            str(server.said),
            str(server.run_dir / ".hydra" / "config.yaml"),
        ),
        *(f"{server.uploads}/../.hydra/config.yaml", f"{server.uploads}/out.png", f"{server.uploads}/folder/said.txt"),
        *("../../../../../../etc/passwd", "said.txt", "./said.txt", "train/resnet/config.yaml", "~/.bashrc", ".", "/"),
        *(EVIL, "http://127.0.0.1:22/", "file:///etc/passwd", "//etc/passwd", "/proc/self/environ", "/dev/zero"),
        f"/proc/self/cwd/{config.relative_to(server.outputs)}",
    ]
    for name in wanted:
        for written in (name, quote(name, ""), quote(quote(name, ""), ""), name.replace(".", "%2e"), f"{name}%00.png"):
            for place in (
                f"{API}/file=",
                f"{API}/file/",
                "/file=",
                f"{API}/proxy=",
                "/static/",
                "/assets/",
                "/svelte/",
            ):
                answer = raw(server, f"GET {place}{written} HTTP/1.1", f"Host: {server.url[7:]}")
                assert re.match(rb"HTTP/1.1 40\d", answer), (place, written, answer)
    for name in ("out.png", "folder"):
        (server.uploads / name).unlink()


def test_routes_that_the_page_does_not_have(visitor: Visitor) -> None:
    body = {
        "data": [],
        "fn_index": 1,
        "session_hash": visitor.session,
        "component_id": 1,
        "fn_name": "x",
        "prompt": "x",
    }
    names = (
        *("run/predict", "run/begin", "api/begin", "call/begin", "call/v2/begin", "component_server", "vibe-edit/"),
        *("process_recording", "stream/a", "reset", "cancel", "queue/status", "deep_link", "monitoring", "dev/reload"),
        *(
            "custom_component/a/client/b/c.js",
            "token",
            "user",
            "openapi.json",
            "runs",
            "run-history/connect",
            "mcp/sse",
        ),
    )
    for name in names:
        assert visitor.client.get(f"{API}/{name}").status_code == 404, name
        assert visitor.client.post(f"{API}/{name}", json=body).status_code == 404, name
    for path in ("/monitoring", "/login", "/logout", "/docs", "/redoc", "/openapi.json", "/pwa_icon"):
        assert visitor.client.get(path).status_code == 404, path
    for path in ("/?deep_link=../x", "/config?deep_link=..%2fx", "/config?page=x", "/?__theme=x"):
        assert visitor.client.get(path).status_code == 200, path
    assert visitor.client.get("/?page=/etc").text == "this was not understood"


def test_strangers_pages_and_names(server: Server, visitor: Visitor) -> None:
    for headers in ({"host": "evil.com"}, {"x-forwarded-host": "evil.com"}, {"x-gradio-server": EVIL}, {"host": ""}):
        assert visitor.client.get("/", headers=headers).status_code == 400
    asked = {"fn_index": 1, "data": [], "session_hash": visitor.session}
    for origin in ("http://evil.com", "null", "http://127.0.0.1.evil.com"):
        assert visitor.send(json.dumps(asked), origin=origin).status == 403
        answer = visitor.client.post(f"{API}/upload", files={"files": ("a", b"a")}, headers={"origin": origin})
        assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
        asks = {"origin": origin, "access-control-request-method": "POST"}
        assert "access-control-allow-origin" not in visitor.client.options(f"{API}/upload", headers=asks).headers
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", key)
    answer = raw(server, "GET /queue/join HTTP/1.1", f"Host: {server.url[7:]}", *upgrade)
    assert answer.split()[1] in (b"403", b"404")  # the latter where the server can speak no WebSocket


def test_uploads_have_limits(server: Server, visitor: Visitor) -> None:
    assert visitor.upload("big.png", bytes(21 * 10**6)).status_code == 413
    many = [("files", (f"{i}.png", bytes(10**6))) for i in range(21)]
    assert visitor.client.post(f"{API}/upload", files=many).status_code == 413
    assert (
        raw(server, f"POST {API}/upload HTTP/1.1", f"Host: {server.url[7:]}", "Transfer-Encoding: chunked")[9:12]
        == b"411"
    )
    for kind, content in (
        ("multipart/form-data", b"x"),
        ("text/plain", b"x"),
        ("multipart/form-data; boundary=x", b"y"),
    ):
        answer = visitor.client.post(f"{API}/upload", content=content, headers={"content-type": kind})
        assert answer.status_code == 400
    assert visitor.client.post(f"{API}/upload?upload_id=x", data={"files": "text"}, files={"x": b""}).status_code in (
        200,
        400,
    )
    for name in (
        "../../../evil.png",
        "/etc/evil.png",
        "..",
        ".",
        "",
        "a\0b.png",
        "a" * 5000 + ".png",
        "..%2f..%2fx",
        "ä/ö",
    ):
        answer = visitor.upload(name, encoded("PNG"))
        for path in answer.json() if answer.status_code == 200 else ():
            assert Path(path).resolve().is_relative_to(server.uploads.resolve())
    assert not [path for path in server.outputs.rglob("*evil*") if not path.is_relative_to(server.uploads)]


def test_what_is_no_photograph(visitor: Visitor) -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script><image href='http://203.0.113.1/'/></svg>"
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 2) + struct.pack("<HHII", 256, 4, 1, 2**31) * 2 + bytes(4)
    for content in (
        svg,
        tiff,
        encoded("EPS"),
        b"text",
        b"",
        b"GIF89a" + b"\xff" * 20,
        encoded("TIFF"),
        encoded("JPEG")[:99],
    ):
        assert "the photograph" in visitor.photo(content).refusal
    assert "10000 × 6000 pixels" in visitor.photo(png(10_000, 6000)).refusal
    assert "too many pixels" in visitor.photo(png(100_000, 100_000)).refusal
    assert visitor.photo(encoded("PNG"), "photo.txt").answered


def test_what_was_uploaded_does_nothing(visitor: Visitor) -> None:
    for name in ("evil.html", "evil.svg", "evil.js", "evil.xhtml"):
        (path,) = visitor.upload(name, b"<script>alert(1)</script>").json()
        headers = visitor.client.get(f"{API}/file={quote(path)}", headers={"range": "bytes=5-3"}).headers
        assert headers["content-disposition"].startswith("attachment")
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["x-content-type-options"] == "nosniff"


def test_flooding_fills_no_disk(server: Server, visitor: Visitor) -> None:
    for i in range(230):
        assert visitor.upload("a.png", str(i).encode()).status_code == 200
    assert len([path for path in server.uploads.rglob("*") if path.is_file()]) <= 201


def test_a_session_that_is_not_there_ends_at_once(server: Server) -> None:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        assert "session_not_found" in client.get(f"{API}/queue/data", params={"session_hash": "nobody"}).text
        assert client.get(f"{API}/queue/data").status_code in (400, 422)
