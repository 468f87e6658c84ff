"""OpenCV's video reader and writer, silent, and kept to local files. Imports no torch."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

# What FFmpeg may take a file for. Playlists and the like, which make it open other files or the network, are not here.
CONTAINERS = ("mov", "mp4", "avi", "matroska", "webm", "mpegts", "mpeg", "flv", "gif", "ogg", "asf")
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"


def be_quiet() -> None:
    """Keep OpenCV and FFmpeg off the terminal: what they complain of is said in one line by those who call them."""
    os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"  # FFmpeg's AV_LOG_QUIET; read when the first video is opened
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def open_video(path: Path) -> cv2.VideoCapture:
    """The video file as FFmpeg reads it, whatever its ending; `isOpened` of what it gives may be False.

    Nothing but this file is opened, and only as one of `CONTAINERS`: no pattern of images, no playlist, no address.
    """
    be_quiet()
    with _only(f"protocol_whitelist;file|format_whitelist;{','.join(CONTAINERS)}"):
        return cv2.VideoCapture(str(path.resolve()), cv2.CAP_FFMPEG)


@contextmanager
def _only(options: str) -> Iterator[None]:
    """FFmpeg's options for what is opened inside, which OpenCV takes from the environment."""
    before = os.environ.get(_OPTIONS)
    os.environ[_OPTIONS] = options
    try:
        yield
    finally:
        if before is None:
            del os.environ[_OPTIONS]
        else:
            os.environ[_OPTIONS] = before
