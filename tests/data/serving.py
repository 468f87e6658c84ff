"""A real server of an archive, which can break off, ignore ranges, or give something else."""

import hashlib
import io
import re
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from relprop.data.download import fetch_archive

FILES = {"birds/a.txt": b"first" * 9, "birds/sub/b.bin": bytes(range(256)) * 2000, "attributes.txt": b"left out"}


class Server(ThreadingHTTPServer):
    """Gives `content` at /birds.tgz; `ends` are how many bytes each next answer gives before the connection ends."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = b""
        self.ends: list[int] = []
        self.knows_ranges = True
        self.shift = 0  # an answer begins that much before what was asked for
        self.pause = 0.0  # seconds before each 16 kB
        self.ranges: list[str | None] = []  # what was asked for
        self.url = f"http://127.0.0.1:{self.server_port}/birds.tgz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.path == "/moved.tgz":
            self.send_response(302)
            self.send_header("Location", "/birds.tgz")
            self.end_headers()
            return
        if self.path != "/birds.tgz":
            self.send_error(404)
            return
        content, start = self.server.content, 0
        if asked and self.server.knows_ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) - self.server.shift
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + self.server.ends.pop(0) if self.server.ends else len(content)
        for first in range(start, min(end, len(content)), 1 << 14):
            time.sleep(self.server.pause)
            self.wfile.write(content[first : min(first + (1 << 14), end)])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[Server]:
    """A server that has `FILES`."""
    with Server() as started:
        started.content = archive_of(FILES)
        threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield started
        started.shutdown()


def archive_of(files: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode="w:gz", compresslevel=0) as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def fetch(server: Server, folder: Path) -> None:
    fetch_archive(server.url, md5(server.content), folder)


def assert_whole(folder: Path) -> None:
    found = {str(path.relative_to(folder.parent)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == {name: content for name, content in FILES.items() if name.startswith("birds/")}
    assert list(folder.parent.iterdir()) == [folder]  # neither the archive nor anything half made
