"""Video files as they are read, and those that are refused."""

import logging
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from relprop.errors import UserError
from relprop.live import video_files
from relprop.live.opencv import open_video
from relprop.live.sources import open_source
from relprop.live.video_files import VideoFile
from tests.live.videos import SIZE, make_video, photo


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".mkv", ".mov"])
@pytest.mark.parametrize("rate", [30.0, 30000 / 1001])
def test_frames_and_rate_are_those_of_the_file(tmp_path: Path, ending: str, rate: float) -> None:
    video = VideoFile(make_video(tmp_path / f"a{ending}", 12, rate))
    assert video.rate == pytest.approx(rate, abs=1e-3)
    for number in range(12):
        pixels = video.read()
        assert pixels is not None and pixels.shape == (SIZE[1], SIZE[0], 3)
        assert np.abs(pixels.astype(int) - photo(number)).mean() < 6  # compressed
        assert video.due == pytest.approx(number / rate, abs=2e-3)
    assert video.read() is None
    video.check_end()
    video.close()


def test_frames_are_due_by_their_time_stamps(tmp_path: Path) -> None:
    """A GIF's frames may last for different times; its rate is then the mean."""
    frames = [Image.fromarray(photo(number)) for number in (0, 10, 20, 29)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=[100, 400, 100, 200])
    video = VideoFile(tmp_path / "a.gif")
    due = []
    while video.read() is not None:
        due.append(video.due)
    assert due == pytest.approx([0, 0.1, 0.5, 0.6], abs=1e-3)
    assert video.rate == pytest.approx(4 / 0.8, rel=0.3)


def test_a_name_with_any_letters_is_no_pattern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a %03d.mp4", "ü:|b.mp4", "concat:c.mp4", "file:d.mp4", "-e.mp4"):
        make_video(tmp_path / "plain.mp4", 3).rename(tmp_path / name)
        monkeypatch.chdir(tmp_path)
        assert open_source(name, every_frame=False).read() is not None


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nplain.mp4\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile plain.mp4\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.ffconcat", "list.sdp", "list.mpd"])
def test_what_would_open_other_files_is_no_video(
    tmp_path: Path, kind: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    make_video(tmp_path / "plain.mp4", 3)
    (tmp_path / name).write_text(PLAYLISTS[kind])
    with pytest.raises(UserError, match=re.escape(f"{name} is damaged, or no video that can be read; give a whole")):
        VideoFile(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_a_pattern_of_images_is_no_video(tmp_path: Path) -> None:
    for name in ("img_001.png", "img_002.png", "img_%03d.png"):
        cv2.imwrite(str(tmp_path / name), photo(0))
    for name in ("img_001.png", "img_%03d.png"):
        with pytest.raises(UserError, match="no video that can be read"):
            VideoFile(tmp_path / name)


@pytest.mark.parametrize("address", ["http://localhost/a.mp4", "rtsp://localhost/a", "concat:a.mp4|b.mp4", "pipe:0"])
def test_an_address_is_a_file_that_is_not_there(address: str) -> None:
    with pytest.raises(UserError, match="there is no video"):
        open_source(address, every_frame=False)


def test_options_of_the_users_for_opencv_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_CAPTURE_OPTIONS", "threads;1")
    open_video(make_video(tmp_path / "a.mp4", 2))
    assert os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] == "threads;1"


def test_what_is_no_video_is_refused_by_name(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\n" * 99)
    (tmp_path / "bytes.avi").write_bytes(np.random.default_rng(0).bytes(9999))
    (tmp_path / "headless.mp4").write_bytes(
        make_video(tmp_path / "a.mp4").read_bytes()[:5000]
    )  # its index is at the end
    os.mkfifo(tmp_path / "pipe.mp4")
    refusals = {
        "none.mp4": "there is no video .*none.mp4; check source",
        "empty.mp4": r"empty.mp4 is empty \(0 bytes\)",
        "text.mp4": "text.mp4 is damaged, or no video",
        "bytes.avi": "bytes.avi is damaged, or no video",
        "headless.mp4": "headless.mp4 is damaged, or no video",
        "pipe.mp4": "pipe.mp4 is no regular file",
        ".": "is no regular file; give a whole video file",
    }
    for name, words in refusals.items():
        with pytest.raises(UserError, match=words):
            open_source(str(tmp_path / name), every_frame=False)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("given", "words"), [("", "source='' is no path"), ("~nobody-here/a.mp4", "no such user's home")]
)
def test_what_is_no_path_is_refused(given: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_source(given, every_frame=False)


def test_large_frames_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "a.mp4", 2)
    monkeypatch.setattr(video_files, "MOST_PIXELS", 96 * 64 - 1)
    with pytest.raises(UserError, match="frames of 96 × 64 pixels; they may have 6,143"):
        VideoFile(path)
    monkeypatch.undo()
    monkeypatch.setattr(video_files, "MOST_STRETCHED", 1)
    with pytest.raises(UserError, match="the longer side up to 1 times the shorter one"):
        VideoFile(path)


def test_a_rate_that_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_files, "FASTEST", 29)
    with pytest.raises(UserError, match="says that it has 30 frames per second; a video has 0.1 to 29"):
        VideoFile(make_video(tmp_path / "a.mp4", 2))


def read_to_end(path: Path) -> tuple[VideoFile, int]:
    video, count = VideoFile(path), 0
    while video.read() is not None:
        count += 1
    return video, count


@pytest.mark.parametrize("ending", [".avi", ".mkv"])
def test_a_video_that_breaks_off_is_read_up_to_there_and_named(tmp_path: Path, ending: str) -> None:
    content = make_video(tmp_path / f"a{ending}", 60).read_bytes()
    (tmp_path / f"cut{ending}").write_bytes(content[: len(content) // 2])
    video, count = read_to_end(tmp_path / f"cut{ending}")
    assert 15 < count < 45
    missing = len(content) - len(content) // 2
    with pytest.raises(
        UserError, match=rf"cut{ending} breaks off, {missing:,} bytes are missing; {count} of 60 frames"
    ):
        video.check_end()


def test_a_video_that_is_damaged_in_the_middle_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(make_video(tmp_path / "a.avi", 90).read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = np.random.default_rng(0).bytes(third)
    (tmp_path / "a.avi").write_bytes(content)
    video, count = read_to_end(tmp_path / "a.avi")
    assert 20 < count < 65
    with pytest.raises(UserError, match=f"a.avi is damaged; {count} of 90 frames could be read"):
        video.check_end()
    assert capfd.readouterr() == ("", "")


def test_of_a_few_frames_that_are_missing_a_warning_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    video, _ = read_to_end(make_video(tmp_path / "a.mp4", 10))
    video._read -= 5
    with caplog.at_level(logging.WARNING):
        video.check_end()
    assert caplog.messages == [f"{tmp_path / 'a.mp4'}: 5 of 10 frames could be read"]
