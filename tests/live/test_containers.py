"""How long a video file says it is."""

from pathlib import Path

import pytest

from relprop.live.containers import missing_bytes
from tests.live.videos import make_video


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".avi", ".mkv"])
def test_every_byte_that_is_cut_off_is_counted(tmp_path: Path, ending: str) -> None:
    path = make_video(tmp_path / f"a{ending}", 5)
    assert missing_bytes(path) == 0
    content = path.read_bytes()
    for kept in (len(content) - 1, len(content) // 2, 1000):
        path.write_bytes(content[:kept])
        # of an MP4 cut within its frames, the index, which follows them, is not known about
        least = 1 if ending in (".mp4", ".mov") else len(content) - kept
        assert least <= missing_bytes(path) <= len(content) - kept


def test_what_follows_the_video_does_not_matter(tmp_path: Path) -> None:
    for ending in (".mp4", ".avi", ".mkv"):
        path = make_video(tmp_path / f"a{ending}", 2)
        path.write_bytes(path.read_bytes() + bytes(100))
        assert missing_bytes(path) == 0


BOX = b"\0\0\0\x10ftypmp42\0\0\0\0"


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (b"", 0),
        (b"no video at all", 0),
        (BOX, 0),
        (BOX + b"\0\0\0\x00mdat" + bytes(9), 0),  # 0: up to the end
        (BOX + b"\0\0\0\x01mdat" + (30).to_bytes(8, "big") + bytes(4), 10),  # 1: a length of 64 bits
        (BOX + b"\0\0\0\x01mdat", 0),  # so short that it does not even say
        (b"\x1a\x45\xdf\xa3\x81\0\x18\x53\x80\x67\x85" + bytes(2), 3),  # a segment of 5 bytes, 2 there
        (b"\x1a\x45\xdf\xa3\x81\0\x18\x53\x80\x67\xff" + bytes(2), 0),  # of unknown size
        (b"\x1a\x45\xdf\xa3\x40", 0),
        (b"RIFF\x0a\0\0\0AVI LIST", 2),
        (b"RIFF\x0a\0\0\0WAVEfmt ", 0),
    ],
)
def test_headers_are_read_as_their_standards_say(tmp_path: Path, content: bytes, missing: int) -> None:
    (tmp_path / "a").write_bytes(content)
    assert missing_bytes(tmp_path / "a") == missing
