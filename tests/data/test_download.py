"""Downloads from a real server on this machine, which breaks off, ignores ranges, or gives something else."""

import re
import tarfile

import pytest
from tests.data.serving import FILES, archive_of, assert_whole, fetch, md5, serving

from relprop.data import download
from relprop.data.download import fetch_archive
from relprop.errors import UserError


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "PAUSES", (0, 0))
    with serving() as started:
        yield started


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
