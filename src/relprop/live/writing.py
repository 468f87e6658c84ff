"""The video that is written: frame by frame, there whole or not at all. Imports no torch."""

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import cv2

from relprop.errors import UserError
from relprop.live.frames import Pixels
from relprop.live.opencv import be_quiet, open_video

ENCODERS: Mapping[str, str] = MappingProxyType({".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "XVID"})
"""By ending, the name of FFmpeg's MPEG-4 encoder (ISO/IEC 14496-2), which every build has and players read."""

RESERVE = 2**24
"""Bytes that stay free on the disk, so that a video can be finished when it has become full."""

_MOST_TICKS = 65535  # MPEG-4 counts time in so many parts of a second at most


def check_output(path: Path, source: Path | None) -> None:
    """Raise `UserError` for a file that could not be written at the end; makes its folder.

    `source`: the file that is read, which must be another one.
    """
    if path.suffix.lower() not in ENCODERS:
        raise UserError(f"output={path} must end in one of {', '.join(ENCODERS)}, for which there is an encoder")
    if path.is_dir():
        raise UserError(f"output={path} is a folder; give the file to be written")
    if source is not None and path.exists() and path.samefile(source):
        raise UserError(f"output={path} is the source itself; give another file")
    part = _part(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb"):
            pass
        part.unlink()
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UserError(f"output={path} cannot be written ({error.strerror}); give another file") from error
    _refuse_full(path, 0)


class VideoOutput:
    """A video of pictures of one `size` (width, height) at `rate` frames per second.

    It is written beside `path` and moved there when it is finished; what was there before is replaced then. The rate
    is kept to 0.001 frames per second, beyond 65.5 to 0.01.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        be_quiet()
        self.path, self.written = path, 0
        self._part = _part(path)
        code = cv2.VideoWriter.fourcc(*ENCODERS[path.suffix.lower()])
        rounded = round(rate, 3 if 1000 * rate <= _MOST_TICKS else 2)
        self._video = cv2.VideoWriter(str(self._part.resolve()), cv2.CAP_FFMPEG, code, rounded, size)
        if not self._video.isOpened():
            raise UserError(f"output={path}: there is no encoder for {size[0]} × {size[1]} at {rate:g} frames a second")

    def write(self, picture: Pixels, times: int) -> None:
        """Append the picture (H, W, 3), red first, so many times. Raises `UserError` when the disk is full."""
        if times == 0:
            return
        coloured = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        for _ in range(times):
            _refuse_full(self.path, self.written)
            self._video.write(coloured)
            self.written += 1

    def finish(self) -> None:
        """Close the video and move it to its place. Raises `UserError` if not all of it could be written."""
        self._video.release()
        readable = open_video(self._part)
        count = readable.get(cv2.CAP_PROP_FRAME_COUNT) if readable.isOpened() else 0
        readable.release()
        if abs(count - self.written) > 1:
            raise UserError(f"{self.path} could not be written to its end; check the free space and the quota")
        self._part.replace(self.path)

    def discard(self) -> None:
        """Leave nothing behind, unless it was finished."""
        self._video.release()
        self._part.unlink(missing_ok=True)


def _refuse_full(path: Path, written: int) -> None:
    if shutil.disk_usage(path.parent).free < RESERVE:
        reason = os.strerror(errno.ENOSPC)
        raise DiskFullError(f"{path}: {reason}; {written} frames are in it; make space and start again")


class DiskFullError(UserError):
    """No more can be written; what was written can still be finished."""


def _part(path: Path) -> Path:
    """A name beside the file's own; its ending says which container it is to be."""
    return path.with_name(f".{path.stem}.part{path.suffix}")
