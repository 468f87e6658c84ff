"""Downloads that are killed, that fill the disk, or that several processes want at once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.data.serving import Server, archive_of, assert_whole, fetch, md5, serving

from relprop.data import download


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES", (0, 0))
    with serving() as started:
        yield started


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
