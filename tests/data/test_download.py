"""Downloads from a real server on this machine, which breaks off, ignores ranges, or gives something else."""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from relprop.data import download
from relprop.data.download import fetch_archive
from relprop.errors import UserError

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


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES", (0, 0))
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


def test_archive_becomes_its_folder_and_nothing_else(server, tmp_path):
    folder = tmp_path / "data" / "birds"
    fetch(server, folder)
    assert_whole(folder)
    assert server.ranges == [None]
    (folder / "a.txt").unlink()
    fetch(server, folder)  # it is there: nothing is asked for, nothing changed
    assert server.ranges == [None] and not (folder / "a.txt").exists()


def test_broken_connections_are_taken_up_where_they_ended(server, tmp_path):
    server.ends = [100_000, 50_000, 0, 1]
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert server.ranges == [None, "bytes=100000-", "bytes=150000-", "bytes=150000-", "bytes=150001-"]


def test_server_that_knows_no_ranges_is_read_from_the_beginning(server, tmp_path):
    server.ends, server.knows_ranges = [100_000], False
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert len(server.ranges) == 2


def test_server_that_knows_no_ranges_replaces_what_was_there(server, tmp_path):
    (tmp_path / "birds.tgz.part").write_bytes(server.content + b"more")
    server.knows_ranges = False
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert len(server.ranges) == 1


def test_answer_may_begin_before_what_was_asked_for(server, tmp_path):
    server.ends, server.shift = [100_000], 1000
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")


def test_what_an_earlier_run_received_is_not_asked_for_again(server, tmp_path):
    (tmp_path / "birds.tgz.part").write_bytes(server.content[:3000])
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert server.ranges == ["bytes=3000-"]


@pytest.mark.parametrize(
    ("received", "requests"),
    [
        (lambda whole: whole, 1),  # killed before it was unpacked
        (lambda whole: whole + b"more", 2),
        (lambda whole: b"x" * 3000, 2),  # of another file, or damaged
        (lambda whole: b"x" * len(whole), 2),
    ],
)
def test_whatever_an_earlier_run_received(server, tmp_path, received, requests):
    (tmp_path / "birds.tgz.part").write_bytes(received(server.content))
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert len(server.ranges) == requests


def test_redirected(server, tmp_path):
    (tmp_path / "moved.tgz.part").write_bytes(server.content[:3000])
    fetch_archive(server.url.replace("birds", "moved"), md5(server.content), tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert server.ranges == ["bytes=3000-"] * 2


def test_other_content_is_refused_and_not_kept(server, tmp_path):
    folder = tmp_path / "birds"
    with pytest.raises(UserError, match=rf"^{folder} is missing, .*{server.url} \(it is not the file with md5 0000\)"):
        fetch_archive(server.url, "0000", folder)
    assert list(tmp_path.iterdir()) == []


def test_missing_file_and_missing_network_say_at_once_what_to_do(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PAUSES", (1000,))
    for url, reason in [
        (server.url.replace("birds", "other"), "HTTP Error 404: Not Found"),
        ("http://127.0.0.1:1/other.tgz", r"\[Errno \d+\] Connection refused"),
        ("http://no.such.host.invalid/other.tgz", r"\[Errno -\d+\] .*"),
    ]:
        with pytest.raises(UserError) as caught:
            fetch_archive(url, "0000", tmp_path / "birds")
        message = rf"\S+birds is missing, .* made from {url} \({reason}\); .* get .* put it at \S+/other\.tgz\."
        assert re.fullmatch(message, str(caught.value))
        assert list(tmp_path.iterdir()) == []


def test_network_that_goes_away_leaves_what_came(server, tmp_path):
    server.ends = [5000, 0, 0, 0]
    with pytest.raises(UserError, match="the connection ended early"):
        fetch(server, tmp_path / "birds")
    assert (tmp_path / "birds.tgz.part").read_bytes() == server.content[:5000]
    server.ends = []
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert server.ranges[-1] == "bytes=5000-"


def test_archive_put_there_by_hand_is_taken_and_kept(server, tmp_path):
    archive = tmp_path / "birds.tgz"
    archive.write_bytes(b"cut short")
    with pytest.raises(UserError, match=rf"{archive} has the md5 {md5(b'cut short')} instead of \w+; delete it"):
        fetch(server, tmp_path / "birds")
    assert list(tmp_path.iterdir()) == [archive]
    archive.write_bytes(server.content)
    (tmp_path / "birds.tgz.part").write_bytes(b"of an earlier attempt")
    fetch(server, tmp_path / "birds")
    assert server.ranges == []
    archive.unlink()
    assert_whole(tmp_path / "birds")


def outward_link() -> tarfile.TarInfo:
    link = tarfile.TarInfo("birds/link")
    link.type, link.linkname = tarfile.SYMTYPE, "../../../etc"
    return link


@pytest.mark.parametrize("member", [{"birds/../../evil": b"x"}, {"birds/link": outward_link()}])
def test_archive_that_reaches_out_is_refused(server, tmp_path, member):
    server.content = archive_of({**FILES, **member})
    with pytest.raises(UserError, match="outside the destination"):
        fetch(server, tmp_path / "in" / "birds")
    assert list(tmp_path.rglob("*birds")) == list(tmp_path.rglob("evil")) == []


def test_archive_without_the_folder_is_refused(server, tmp_path):
    with pytest.raises(UserError, match=r"fish is missing, .*No such file"):
        fetch(server, tmp_path / "fish")


def test_folder_that_may_not_be_written_to_is_named(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=rf": '{tmp_path}/file'\); give a data_dir that may be written to\.$"):
        fetch(server, tmp_path / "file" / "birds")
    assert server.ranges == []


# A limit on the size of files stands for a full disk: writing ends with an OSError in either case.
FULL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
"""
FETCH = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("download", sys.argv[4])  # without its package, which imports torch
spec.loader.exec_module(download := importlib.util.module_from_spec(spec))
download.fetch_archive(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
"""


def start(server: Server, folder: Path, before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", before + FETCH, server.url, md5(server.content), str(folder), download.__file__]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_full_disk_says_so_and_keeps_what_came(server, tmp_path):
    assert len(server.content) > 200_000
    _, error = start(server, tmp_path / "birds", FULL_DISK).communicate()
    assert "File too large); free some space and start again, or give another data_dir." in error
    assert (tmp_path / "birds.tgz.part").read_bytes() == server.content[:200_000]
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")


def test_killed_while_downloading(server, tmp_path):
    server.pause = 0.02
    process, part = start(server, tmp_path / "birds"), tmp_path / "birds.tgz.part"
    wait_until(lambda: part.exists() and part.stat().st_size > 50_000)
    process.kill()
    process.communicate()
    assert list(tmp_path.iterdir()) == [part]
    server.pause = 0
    fetch(server, tmp_path / "birds")
    assert_whole(tmp_path / "birds")
    assert len(server.ranges) == 2 and server.ranges[1].startswith("bytes=")


def test_killed_while_unpacking(server, tmp_path):
    server.content = archive_of({f"birds/{i}": b"x" * i for i in range(1_000)})
    process, beside = start(server, tmp_path / "birds"), tmp_path / ".birds.part" / "birds"
    wait_until(lambda: (beside / "10").exists())
    process.kill()
    process.communicate()
    assert not (tmp_path / "birds").exists()
    (beside / "of an earlier run").touch()
    fetch(server, tmp_path / "birds")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["birds"]
    assert {path.name: path.stat().st_size for path in (tmp_path / "birds").iterdir()} == {
        str(i): i for i in range(1_000)
    }


def test_of_several_processes_one_downloads(server, tmp_path):
    server.pause = 0.01
    processes = [start(server, tmp_path / "birds") for _ in range(3)]
    assert [process.communicate()[1].count("Error") for process in processes] == [0, 0, 0]
    assert_whole(tmp_path / "birds")
    assert server.ranges == [None]


def wait_until(condition) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)
