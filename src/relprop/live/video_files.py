"""Video files as sources. Imports no torch."""

import logging
import math
from pathlib import Path

import cv2
import numpy as np

from relprop.errors import UserError
from relprop.live.containers import missing_bytes
from relprop.live.frames import Pixels
from relprop.live.opencv import open_video

log = logging.getLogger(__name__)

MOST_PIXELS = 2**26
"""Larger frames are refused before they are decoded: 8192 × 8192."""

MOST_STRETCHED = 100
"""Frames with a longer side of more than this many shorter ones are refused: cut to squares, they would fill memory."""

SLOWEST, FASTEST = 0.1, 1000.0
"""Frames per second that a video may have; what is said beyond is a mistake in the file."""

_REMEDY = "give a whole video file, such as an .mp4, .mov, .avi, .mkv or .webm"


class VideoFile:
    """A video file, frame by frame, upright, its broken frames left out.

    `rate` is the file's mean rate; of one whose rate varies, `due` follows its time stamps. Raises `UserError`, which
    names the file, for what is no regular file, empty, no video, or has no frame that can be read.
    """

    live = False

    def __init__(self, path: Path) -> None:
        _check_file(path)
        self.name, self.path, self._cut_off = str(path), path, missing_bytes(path)
        self._video = open_video(path)
        if not self._video.isOpened():
            raise UserError(f"{path} is damaged, or no video that can be read; {_REMEDY}")
        try:
            self.rate = self._checked_rate()
            self._check_size()
            self._first = self._next()
            if self._first is None:
                raise UserError(f"{path} has no frame that can be read; {_REMEDY}")
        except UserError:
            self.close()
            raise
        self._read, self._start, self._due = 0, self._stamp(), 0.0

    def read(self) -> Pixels | None:
        """The next frame (H, W, 3), blue first; None at the end, or where the file breaks off."""
        pixels = self._first if self._read == 0 else self._next()
        self._first = None
        if pixels is not None:
            stamp = self._stamp() - self._start
            by_number = self._read / self.rate
            self._due = max(self._due, stamp if stamp > 0 else by_number)
            self._read += 1
        return pixels

    @property
    def due(self) -> float:
        """By the file's time stamps; by its rate where it has none."""
        return self._due

    def check_end(self) -> None:
        """Raise `UserError` if the file was cut off, or lacks a second or more of the frames that it says it has.

        Of a few frames that are missing a warning tells: some containers only say about how many there are.
        """
        expected = self._expected()
        missing, found = expected - self._read, f"{self._read} of {expected} frames could be read"
        if self._cut_off:
            raise UserError(f"{self.path} breaks off, {self._cut_off:,} bytes are missing; {found}")
        if missing >= max(2, self.rate):
            raise UserError(f"{self.path} is damaged; {found}")
        if missing > 1:
            log.warning("%s: %s", self.path, found)

    def close(self) -> None:
        """Nothing is read after."""
        self._video.release()

    def _next(self) -> Pixels | None:
        try:
            there, pixels = self._video.read()
        except cv2.error:  # damaged frames can be of any size
            return None
        return np.asarray(pixels, np.uint8) if there else None

    def _stamp(self) -> float:
        return float(self._video.get(cv2.CAP_PROP_POS_MSEC)) / 1000

    def _expected(self) -> int:
        """How many frames the file says it has, or has by its duration; 0 if it does not say."""
        count = self._video.get(cv2.CAP_PROP_FRAME_COUNT)
        return int(count) if math.isfinite(count) and 0 < count < 2**31 else 0

    def _checked_rate(self) -> float:
        rate = float(self._video.get(cv2.CAP_PROP_FPS))
        if not SLOWEST <= rate <= FASTEST:  # so written, NaN is refused too
            raise UserError(
                f"{self.path} says that it has {rate:g} frames per second; a video has {SLOWEST:g} to {FASTEST:g}. "
                "Write it anew with a rate"
            )
        return rate

    def _check_size(self) -> None:
        width, height = (int(self._video.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MOST_PIXELS or max(width, height) > MOST_STRETCHED * max(1, min(width, height)):
            raise UserError(
                f"{self.path} has frames of {width} × {height} pixels; they may have {MOST_PIXELS:,}, and the longer "
                f"side up to {MOST_STRETCHED} times the shorter one. Make it smaller"
            )


def _check_file(path: Path) -> None:
    if not path.exists():
        raise UserError(f"there is no video {path}; check source=…, a video file or webcam")
    if not path.is_file():  # to open a pipe would wait for ever
        raise UserError(f"{path} is no regular file; {_REMEDY}")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if empty:
        raise UserError(f"{path} is empty (0 bytes); {_REMEDY}")
