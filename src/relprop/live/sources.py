"""The source that the user names. Imports no torch."""

import re
from pathlib import Path

from relprop.errors import UserError
from relprop.live.cameras import Camera
from relprop.live.frames import Source
from relprop.live.video_files import VideoFile

_WEBCAM = re.compile(r"webcam(?::(\d{1,2}))?")


def open_source(given: str, every_frame: bool) -> Source:
    """What `source=…` names: webcam, webcam:N for camera N, or a video file; `~` is the home folder.

    Raises `UserError` for what cannot be opened, and for a camera of which every frame is asked for.
    """
    camera = _WEBCAM.fullmatch(given)
    if camera and every_frame:
        raise UserError(f"every_frame=true is for video files; source={given} gives the newest frame: leave it out")
    if camera:
        return Camera(int(camera[1] or 0))
    if given.startswith("webcam") and not Path(given).exists():
        raise UserError(f"source={given} names no camera; say source=webcam, or source=webcam:1 for the second one")
    return VideoFile(local_path(given, "source"))


def local_path(given: str, option: str) -> Path:
    """The path that a user gave; `~` is the home folder. Raises `UserError`, which names `option`, for none."""
    if not given or "\0" in given:
        raise UserError(f"{option}={given!r} is no path; give a video file")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise UserError(f"{option}={given}: there is no such user's home folder; give the whole path") from error
