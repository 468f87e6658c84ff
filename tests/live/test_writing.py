"""Videos that are written: length, rate, and what is left when it goes wrong."""

import os
import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from relprop.errors import UserError
from relprop.live import writing
from relprop.live.timeline import Timeline
from relprop.live.writing import ENCODERS, DiskFullError, VideoOutput, check_output
from tests.live.videos import SIZE, make_video, number_of, numbered, photo, read_video

RATES = (12.5, 24, 24000 / 1001, 25, 30, 30000 / 1001, 50, 60, 60000 / 1001, 72.123, 120, 27.34567)


@pytest.mark.parametrize("rate", RATES)
def test_length_and_rate_are_kept(tmp_path: Path, rate: float) -> None:
    output = VideoOutput(tmp_path / "a.mp4", rate, SIZE)
    output.write(photo(0), 3)
    output.write(photo(9), 0)
    output.write(photo(20), 4)
    output.finish()
    frames, stated = read_video(tmp_path / "a.mp4")
    assert (len(frames), output.written) == (7, 7)
    assert stated == pytest.approx(rate, abs=1e-3 if rate < 65 else 1e-2)


@pytest.mark.parametrize("ending", ENCODERS)
def test_every_ending_gives_a_video_with_red_first(
    tmp_path: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = cv2.cvtColor(photo(5), cv2.COLOR_BGR2RGB)
    output = VideoOutput(tmp_path / f"a{ending}", 30, SIZE)
    output.write(picture, 5)
    output.finish()
    frames, rate = read_video(tmp_path / f"a{ending}")
    assert (len(frames), rate) == (5, 30)
    assert np.abs(cv2.cvtColor(frames[-1], cv2.COLOR_BGR2RGB).astype(int) - picture).mean() < 4
    assert [path.name for path in tmp_path.iterdir()] == [f"a{ending}"]
    assert capfd.readouterr() == ("", "")


def test_the_name_is_the_earlier_files_until_the_video_is_finished(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("earlier")
    output = VideoOutput(tmp_path / "a.mp4", 30, SIZE)
    output.write(photo(0), 3)
    assert (tmp_path / "a.mp4").read_text() == "earlier"
    output.finish()
    output.discard()
    assert len(read_video(tmp_path / "a.mp4")[0]) == 3


def test_a_discarded_video_leaves_nothing(tmp_path: Path) -> None:
    output = VideoOutput(tmp_path / "a.mp4", 30, SIZE)
    output.write(photo(0), 3)
    output.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_could_not_be_written_to_its_end_is_refused(tmp_path: Path) -> None:
    output = VideoOutput(tmp_path / "a.mp4", 30, SIZE)
    output.write(photo(0), 5)
    output.written += 5  # as if the system had taken half of it
    with pytest.raises(UserError, match=r"a\.mp4 could not be written to its end; check the free space"):
        output.finish()
    output.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_becomes_full_leaves_room_to_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, free = VideoOutput(tmp_path / "a.mp4", 30, SIZE), iter([10**9] * 4 + [writing.RESERVE - 1] * 9)
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    with pytest.raises(DiskFullError, match=r"a\.mp4: No space left on device; 4 frames are in it; make space"):
        output.write(photo(0), 9)
    output.finish()
    assert len(read_video(tmp_path / "a.mp4")[0]) == 4
    with pytest.raises(UserError, match="No space left on device; 0 frames"):
        check_output(tmp_path / "b.mp4", None)


def test_outputs_that_could_not_be_written_are_refused_before(tmp_path: Path) -> None:
    source = make_video(tmp_path / "source.mp4", 2)
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    os.link(source, tmp_path / "link.mp4")
    refusals = {
        "a.gif": "a.gif must end in one of .mp4, .mov, .mkv, .avi",
        "a": "a must end in one of .mp4",
        "folder.mp4": "folder.mp4 is a folder",
        "source.mp4": "source.mp4 is the source itself; give another file",
        "./folder.mp4/../source.mp4": "is the source itself",
        "link.mp4": "link.mp4 is the source itself",
        "file/a.mp4": r"file/a.mp4 cannot be written \((Not a directory|File exists)\)",
        "/proc/nowhere/a.mp4": "/proc/nowhere/a.mp4 cannot be written",
    }
    for name, words in refusals.items():
        with pytest.raises(UserError, match=words):
            check_output(tmp_path / name, source)
    assert {path.name for path in tmp_path.iterdir()} == {"source.mp4", "folder.mp4", "file", "link.mp4"}


def test_an_output_may_replace_a_file_and_make_its_folder(tmp_path: Path) -> None:
    source = make_video(tmp_path / "source.mp4", 2)
    (tmp_path / "a.MP4").write_text("earlier")
    for name in ("a.MP4", "new/folder/a.mp4"):
        check_output(tmp_path / name, source)
    assert (tmp_path / "a.MP4").read_text() == "earlier"
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_an_encoder_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "ENCODERS", {".mp4": "????"})
    with pytest.raises(UserError, match=re.escape("there is no encoder for 96 × 64 at 30 frames a second")):
        VideoOutput(tmp_path / "a.mp4", 30, SIZE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shown", "length", "expected"),
    [
        ([0, 3, 4], 8, [0, 0, 0, 3, 4, 4, 4, 4]),
        ([2, 5], 6, [2, 2, 2, 2, 2, 5]),  # before the first one there is nothing else
        ([0, 0, 2], 3, [0, 0, 2]),  # two of the same moment of a camera
        ([0], 1, [0]),
        ([], 4, []),
    ],
)
def test_a_picture_stands_from_its_frame_to_the_next(
    tmp_path: Path, shown: list[int], length: int, expected: list[int]
) -> None:
    output = VideoOutput(tmp_path / "a.mp4", 30, SIZE)
    timeline = Timeline(output)
    for index in shown:
        timeline.show(numbered(index), index)
    timeline.end(length)
    if expected:
        output.finish()
        assert [number_of(frame) for frame in read_video(tmp_path / "a.mp4")[0]] == expected
    assert output.written == len(expected)


def test_of_two_pictures_of_the_same_frame_the_later_one_stands(tmp_path: Path) -> None:
    output = VideoOutput(tmp_path / "a.mp4", 30, SIZE)
    timeline = Timeline(output)
    for number, index in ((7, 0), (1, 0), (8, 2), (2, 2)):
        timeline.show(numbered(number), index)
    timeline.end(3)
    output.finish()
    assert [number_of(frame) for frame in read_video(tmp_path / "a.mp4")[0]] == [1, 1, 2]
