"""All frames in order, or the newest at any time."""

import time
from threading import Event, Thread

import pytest

from relprop.live.frames import Frame, Source
from relprop.live.reading import Reader
from tests.live.videos import Film, clocked, number_of


def read(source: Source, every_frame: bool, seconds: float) -> tuple[list[tuple[Frame, float]], Reader]:
    """The frames that one gets who takes `seconds` for each, with the times at which they were taken."""
    reader = Reader(source, every_frame, Event())
    thread = Thread(target=reader.run)
    thread.start()
    frames = []
    while (frame := reader.frames.take()) is not None:
        frames.append((frame, time.perf_counter()))
        time.sleep(seconds)
    thread.join()
    return frames, reader


def test_every_frame_comes_in_order_however_slow_they_are_taken() -> None:
    frames, reader = read(Film(20, rate=1000), every_frame=True, seconds=0.005)
    assert [frame.index for frame, _ in frames] == list(range(20))
    assert [number_of(frame.pixels) for frame, _ in frames] == list(range(20))
    assert (reader.length, reader.rate.count, reader.ended) == (20, 20, True)


def test_every_frame_does_not_wait_for_the_clock() -> None:
    began = time.perf_counter()
    read(Film(20, rate=1), every_frame=True, seconds=0)
    assert time.perf_counter() - began < 1


def test_the_newest_frame_is_taken_however_slow_the_taker() -> None:
    """A frame that was there earlier than one frame ago is never taken, and a file plays at its own rate."""
    rate = 50
    frames, reader = read(Film(25, rate), every_frame=False, seconds=0.09)
    began = frames[0][0].captured
    for frame, taken in frames[:-1]:
        assert taken - frame.captured < 0.5  # of a busy machine; one after the other it would come to 1.7
        assert -1e-3 < frame.captured - began - frame.index / rate < 0.5
        assert number_of(frame.pixels) == frame.index
    indices = [frame.index for frame, _ in frames]
    assert indices[-1] == 24 and 3 <= len(indices) <= 8  # the last frame is never left out
    assert (reader.length, reader.rate.count) == (25, 25)


def test_a_fast_taker_gets_every_frame_once_at_its_time() -> None:
    frames, _ = read(Film(10, rate=50), every_frame=False, seconds=0)
    indices = [frame.index for frame, _ in frames]
    assert len(indices) >= 5 and indices == sorted(set(indices))
    assert 0.18 <= frames[-1][0].captured - frames[0][0].captured < 1


def test_a_cameras_frames_have_the_index_of_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a rate of 20: every 0.05 s one, but the third is late, and at its time there are two."""
    camera = clocked([100, 100.06, 100.27, 100.271, 100.31], 20.0, monkeypatch)
    frames, reader = read(camera, every_frame=True, seconds=0)
    assert [frame.index for frame, _ in frames] == [0, 1, 5, 5, 6]
    assert (reader.length, reader.rate.count, reader.ended) == (7, 5, True)


def test_a_stopped_reader_reads_no_more() -> None:
    stop = Event()
    reader = Reader(Film(10**6, rate=100), False, stop)
    thread = Thread(target=reader.run)
    thread.start()
    assert reader.frames.take() is not None
    stop.set()
    thread.join(5)
    assert not thread.is_alive() and reader.length < 100 and not reader.ended
    assert reader.frames.take() is None
