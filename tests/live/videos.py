"""Real videos of a real photograph, and sources without a file."""

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image

from relprop.live import cameras
from relprop.live.cameras import Camera
from relprop.live.opencv import be_quiet, open_video

SIZE = (96, 64)
Pixels = NDArray[np.uint8]


def photo(number: int, size: tuple[int, int] = SIZE) -> Pixels:
    """A part of a photograph (H, W, 3), blue first, that wanders with `number`, and becomes brighter."""
    whole = _china()
    left, top = 3 * number % 300, 2 * number % 200
    part = np.ascontiguousarray(whole[top : top + 200, left : left + 300])
    return cv2.convertScaleAbs(cv2.resize(part, size), alpha=0.5, beta=min(4 * number, 120))


@cache
def _china() -> Pixels:
    return load_sample_image("china.jpg")[..., ::-1]


def make_video(path: Path, frames: int = 30, rate: float = 30.0, size: tuple[int, int] = SIZE, code: str = "") -> Path:
    """A video of so many frames; `code` is MJPG for .avi, mp4v else, unless it is given."""
    be_quiet()
    code = code or {".avi": "MJPG"}.get(path.suffix, "mp4v")
    video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*code), rate, size)
    assert video.isOpened()
    for number in range(frames):
        video.write(photo(number, size))
    video.release()
    return path


def read_video(path: Path) -> tuple[list[Pixels], float]:
    """All frames, blue first, and the rate that the file states."""
    video = open_video(path)
    rate, frames = video.get(cv2.CAP_PROP_FPS), []
    while (read := video.read())[0]:
        frames.append(np.asarray(read[1], np.uint8))
    return frames, rate


def numbered(index: int) -> Pixels:
    """A picture of `SIZE` that says `index`, below 100, by the brightness of its halves: see `number_of`."""
    pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[:, : SIZE[0] // 2], pixels[:, SIZE[0] // 2 :] = (40 + 20 * digit for digit in divmod(index, 10))
    return pixels


def number_of(pixels: Pixels) -> int:
    """Read from the middle of the halves: a video blurs their edges."""
    tens, units = (round((float(pixels[:, x : x + 24].mean()) - 40) / 20) for x in (12, SIZE[0] // 2 + 12))
    return 10 * tens + units


class Film:
    """A source of frames that are `numbered`, as of a file with this rate."""

    name, live = "film", False

    def __init__(self, frames: int, rate: float) -> None:
        self.frames, self.rate, self._read = frames, rate, 0

    def read(self) -> Pixels | None:
        self._read += 1
        return None if self._read > self.frames else numbered((self._read - 1) % 100)

    @property
    def due(self) -> float:
        return (self._read - 1) / self.rate

    def check_end(self) -> None:
        pass

    def close(self) -> None:
        pass


def clocked(times: Sequence[float], rate: float, monkeypatch: pytest.MonkeyPatch) -> Camera:
    """A camera that gives frames at these seconds, by a clock of its own."""
    clock = [0.0]
    monkeypatch.setattr(cameras, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    return Camera(0, FakeCapture(times, rate=rate, clock=clock))


class FakeCapture:
    """What `cv2.VideoCapture` is to `Camera`: `frames` at these seconds after the first call to `read`, then none.

    With `clock` nobody waits: that list's only number is the time.
    """

    def __init__(
        self,
        times: Sequence[float],
        frames: Sequence[Pixels] | None = None,
        rate: float = 0.0,
        clock: list[float] | None = None,
    ) -> None:
        self.times, self.rate, self.clock, self.released = list(times), rate, clock, False
        self.frames = [numbered(index % 100) for index in range(len(times))] if frames is None else list(frames)
        self.settings: dict[int, float] = {}
        self._began, self._read = 0.0, 0

    def __call__(self, number: int) -> "FakeCapture":
        return self

    def isOpened(self) -> bool:  # noqa: N802
        return len(self.times) > 0

    def get(self, key: int) -> float:
        return self.rate if key == cv2.CAP_PROP_FPS else 0.0

    def set(self, key: int, value: float) -> bool:
        self.settings[key] = value
        return True

    def read(self) -> tuple[bool, Any]:
        if self._read == len(self.times):
            return False, None
        if self.clock is None:
            self._began = self._began or time.perf_counter()
            time.sleep(max(0.0, self._began + self.times[self._read] - time.perf_counter()))
        else:
            self.clock[0] = self.times[self._read]
        self._read += 1
        return True, self.frames[self._read - 1]

    def release(self) -> None:
        self.released = True
