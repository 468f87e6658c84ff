"""Caltech-UCSD Birds, where they are not there yet, from a server on this machine."""

import hashlib
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from tests.data.small_cub import data_of, small_cub

from relprop.data import build_datamodule, cub
from relprop.errors import UserError


@pytest.fixture
def folder(tmp_path):
    return small_cub(tmp_path / "CUB_200_2011")


def archive_of(folder):
    with tarfile.open(fileobj=(buffer := BytesIO()), mode="w:gz") as tar:
        tar.add(folder, "CUB_200_2011")
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def server(folder, monkeypatch):
    """Has the data set, as the official server does; the path of the address and the checksum are made to fit."""
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as started:
        started.asked, started.content = [], archive_of(folder)
        monkeypatch.setattr(cub, "CUB_URL", f"http://127.0.0.1:{started.server_port}/{cub.CUB_URL.rpartition('/')[2]}")
        monkeypatch.setattr(cub, "_MD5", hashlib.md5(started.content).hexdigest())
        threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield started
        started.shutdown()


@pytest.mark.parametrize("ask", [lambda data: data.setup("test"), lambda data: data.split("val")])
def test_missing_data_set_is_downloaded_once(folder, server, tmp_path, ask):
    data = build_datamodule("cub", data_dir=tmp_path / "new")
    data.prepare_data()  # as a trainer does, before setup
    ask(data)
    ask(build_datamodule("cub", data_dir=tmp_path / "new"))
    assert server.asked == ["/CUB_200_2011.tgz"]
    assert data.split("test").names.tolist() == data_of(folder).split("test").names.tolist()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["CUB_200_2011"]


def test_whoever_asks_first_downloads(server, tmp_path):
    build_datamodule("cub", data_dir=tmp_path / "new").setup("test")  # without a trainer
    assert server.asked == ["/CUB_200_2011.tgz"]


def test_data_set_out_of_reach_says_where_to_get_it(tmp_path, monkeypatch):
    assert cub.CUB_URL == "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz"
    monkeypatch.setattr(cub, "CUB_URL", "http://127.0.0.1:1/CUB_200_2011.tgz")
    where = rf"made from {cub.CUB_URL} .* put it at {tmp_path}/CUB_200_2011\.tgz"
    with pytest.raises(UserError, match=rf"^{tmp_path}/CUB_200_2011 is missing, .*{where}\.$"):
        build_datamodule("cub", data_dir=tmp_path).setup("test")
