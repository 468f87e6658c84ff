"""The loop, with networks that are made up and threads, clocks and videos that are real."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relprop.errors import UserError
from relprop.live.cameras import Camera
from relprop.live.drawing import Speeds
from relprop.live.ending import end_of
from relprop.live.explaining import Explanation, Seen
from relprop.live.frames import Frame, Pixels, Source
from relprop.live.loop import Loop
from relprop.live.video_files import VideoFile
from relprop.live.writing import DiskFullError, VideoOutput
from relprop.stopping import StoppedError
from tests.live.videos import SIZE, FakeCapture, Film, clocked, make_video, number_of, read_video


class Network:
    """Takes `seconds` for a frame; what it saw is the frame as it was."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.seen: list[int] = []

    def see(self, frame: Frame) -> Seen:
        return Seen(frame, torch.from_numpy(frame.pixels))

    def explain(self, seen: Seen) -> Explanation:
        time.sleep(self.seconds)
        self.seen.append(seen.frame.index)
        return Explanation(seen.frame.pixels, np.zeros((2, 2), np.float32), 0, 1.0)


def draw(explanation: Explanation, speeds: Speeds) -> Pixels:
    return explanation.seen


def run(
    source: Source,
    folder: Path,
    seconds: float,
    every_frame: bool = False,
    look_on: Callable[[Any], None] | None = None,
) -> tuple[Loop, Network, list[int]]:
    """The loop, its network, and the numbers of the frames that the video shows."""
    network, output = Network(seconds), VideoOutput(folder / "out.mp4", source.rate, SIZE)
    loop = Loop(source, network, draw, output, every_frame, has_window=look_on is not None)
    loop.run(look_on)
    output.finish()
    frames, rate = read_video(folder / "out.mp4")
    assert rate == pytest.approx(source.rate, abs=1e-3)
    return loop, network, [number_of(frame) for frame in frames]


def newest_explained(seen: list[int], length: int) -> list[int]:
    """What each frame of a video must show: the last explained one up to there, or the first of all."""
    return [max((index for index in seen if index <= number), default=seen[0]) for number in range(length)]


@pytest.mark.parametrize("seconds", [0.0, 0.04, 0.2])
def test_the_video_has_as_many_frames_as_the_source_however_slow_the_network(tmp_path: Path, seconds: float) -> None:
    loop, network, shown = run(Film(18, rate=60), tmp_path, seconds)
    assert network.seen == sorted(set(network.seen)) and network.seen[-1] == 17
    assert shown == newest_explained(network.seen, 18)
    assert (loop.reader.rate.count, loop.explained.count) == (18, len(network.seen))
    assert 0.27 < loop.seconds < 0.3 + 2 * seconds + 1


def test_explanations_are_of_the_newest_frame_and_never_lag(tmp_path: Path) -> None:
    """A frame is shown as long after it was there as the network takes: one after the other it would come to 1.8 s."""
    seconds, rate = 0.08, 50
    loop, network, _ = run(Film(30, rate), tmp_path, seconds)
    assert 3 <= len(network.seen) <= 0.6 / seconds + 2
    assert min(loop.ages) >= seconds
    assert statistics.median(loop.ages) < seconds + 1 / rate + 0.08 and max(loop.ages) < 1
    assert np.median(np.diff(network.seen)) >= seconds * rate - 1
    assert 3 < loop.explained.per_second() <= 1 / seconds


@pytest.mark.parametrize("rate", [30.0, 1000.0])
def test_every_frame_is_explained_if_asked_for(tmp_path: Path, rate: float) -> None:
    _, network, shown = run(Film(25, rate), tmp_path, seconds=0.004, every_frame=True)
    assert network.seen == shown == list(range(25))


def test_reading_and_drawing_go_on_while_the_network_computes(tmp_path: Path) -> None:
    """Each takes 20 ms for a frame; one after the other they would take three times as long."""

    class Slow(Film):
        def read(self) -> Pixels | None:
            time.sleep(0.02)
            return super().read()

    def draw_slowly(explanation: Explanation, speeds: Speeds) -> Pixels:
        time.sleep(0.02)
        return explanation.seen

    loop = Loop(Slow(20, 30), Network(0.02), draw_slowly, every_frame=True)
    loop.run()
    assert 20 * 0.02 < loop.seconds < 20 * 0.05


def test_a_real_video_gives_a_video_of_its_length_and_rate(tmp_path: Path) -> None:
    path = make_video(tmp_path / "in.mp4", 9, 30000 / 1001)
    for every_frame in (False, True):
        output = VideoOutput(tmp_path / "out.mp4", 30000 / 1001, SIZE)
        loop = Loop(VideoFile(path), Network(0.01), draw, output, every_frame)
        loop.run()
        output.finish()
        frames, rate = read_video(tmp_path / "out.mp4")
        assert (len(frames), loop.length, rate) == (9, 9, pytest.approx(30000 / 1001, abs=1e-3))


def test_a_cameras_video_has_a_steady_rate_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera stalls for 0.2 s, 4 frames of 20 a second, which show what was last explained."""
    camera = clocked([50, 50.051, 50.101, 50.301, 50.351], 20.0, monkeypatch)
    _, network, shown = run(camera, tmp_path, seconds=0, every_frame=True)
    assert network.seen == [0, 1, 2, 6, 7]
    assert shown == [0, 1, 2, 2, 2, 2, 3, 4]


def test_a_window_gets_the_newest_picture_and_says_when_it_is_shown(tmp_path: Path) -> None:
    seen: list[int] = []

    def window(loop: Loop) -> None:
        while loop.is_running():
            time.sleep(0.1)
            if (picture := loop.screen.take(0.01)) is not None:
                seen.append(number_of(picture.pixels))
                loop.shown(picture)

    loop, network, _ = run(Film(30, rate=75), tmp_path, 0.001, look_on=window)
    assert len(network.seen) > 10 and 2 <= len(seen) <= 7  # the window is slow, which holds nobody up
    assert len(loop.ages) == len(seen) and max(loop.ages) < 0.6


def test_a_closed_window_ends_the_loop_and_the_video_is_whole(tmp_path: Path) -> None:
    loop, network, shown = run(Film(10**6, rate=50), tmp_path, 0.03, look_on=lambda _: time.sleep(0.3))
    assert 5 <= len(shown) <= 60 and len(shown) == loop.length == loop.reader.length
    assert shown == newest_explained(network.seen, len(shown))
    assert not loop.reader.ended


def test_if_every_frame_is_explained_a_stopped_video_has_no_others(tmp_path: Path) -> None:
    loop, network, shown = run(Film(10**6, rate=50), tmp_path, 0.03, True, lambda _: time.sleep(0.3))
    assert shown == network.seen == list(range(loop.length)) and 2 <= loop.length <= 12


def stop(loop: Loop) -> None:
    time.sleep(0.15)
    raise StoppedError("stopped by SIGINT; nothing")


def end(source: Source, folder: Path, look_on: Any = None) -> tuple[Any, VideoOutput]:
    output = VideoOutput(folder / "out.mp4", source.rate, SIZE)
    loop = Loop(source, Network(0.02), draw, output, has_window=True)
    return end_of(loop, look_on, output), output


def test_ctrl_c_finishes_the_video_and_is_an_error_for_a_file_only(tmp_path: Path) -> None:
    ended, output = end(Film(10**6, rate=50), tmp_path, stop)
    assert ended.reason == "stopped by SIGINT"
    assert isinstance(ended.error, StoppedError)
    assert str(ended.error) == f"stopped by SIGINT; the first {output.written} frames are done"
    assert len(read_video(tmp_path / "out.mp4")[0]) == output.written > 2
    camera = Camera(0, FakeCapture([number / 50 for number in range(100)], rate=50.0))
    ended, output = end(camera, tmp_path, stop)
    assert (ended.reason, ended.error) == ("stopped by SIGINT", None)
    assert len(read_video(tmp_path / "out.mp4")[0]) == output.written > 2


def test_a_source_that_breaks_off_is_an_error_after_the_video_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, output = end(clocked([10, 10.051, 10.101], 20.0, monkeypatch), tmp_path)
    assert ended.reason == "the source broke off" and "gives no more pictures" in str(ended.error)
    assert len(read_video(tmp_path / "out.mp4")[0]) == output.written == 3


def test_a_full_disk_ends_the_loop_with_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = VideoOutput.write

    def full(self: VideoOutput, picture: Pixels, times: int) -> None:
        if self.written >= 10:
            raise DiskFullError("out.mp4: No space left on device")
        write(self, picture, times)

    monkeypatch.setattr(VideoOutput, "write", full)
    ended, output = end(Film(10**6, rate=100), tmp_path)
    assert ended.reason == "the disk is full" and isinstance(ended.error, DiskFullError)
    assert len(read_video(tmp_path / "out.mp4")[0]) == output.written >= 10


@pytest.mark.parametrize("where", ["read", "see", "explain", "draw"])
def test_what_one_thread_raises_ends_all_and_leaves_no_video(tmp_path: Path, where: str) -> None:
    class Broken(Film):
        def read(self) -> Pixels | None:
            if where == "read" and self._read > 5:
                raise UserError("read is broken")
            return super().read()

    class BrokenNetwork(Network):
        def see(self, frame: Frame) -> Seen:
            if where == "see" and frame.index > 5:
                raise UserError("see is broken")
            return super().see(frame)

        def explain(self, seen: Seen) -> Explanation:
            if where == "explain" and seen.frame.index > 5:
                raise UserError("explain is broken")
            return replace(super().explain(seen), target=5 * (where == "draw" and seen.frame.index > 5))

    def drawn(explanation: Explanation, speeds: Speeds) -> Pixels:
        if explanation.target == 5:
            raise UserError("draw is broken")
        return explanation.seen

    output = VideoOutput(tmp_path / "out.mp4", 100, SIZE)
    loop = Loop(Broken(10**6, rate=100), BrokenNetwork(0.0), drawn, output)
    with pytest.raises(UserError, match=f"{where} is broken"):
        end_of(loop, None, output)
    assert list(tmp_path.iterdir()) == []


def test_rates_are_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relprop.live.loop.REPORT", 0.1)
    with caplog.at_level("INFO"):
        Loop(Film(20, rate=50), Network(0.001), draw).run()
    assert 2 <= len(caplog.messages) <= 4
    assert caplog.messages[0].endswith("of 50 frames per second explained, 6 so far") or "so far" in caplog.messages[0]
