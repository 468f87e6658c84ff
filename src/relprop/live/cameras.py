"""Cameras as sources. Imports no torch."""

import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import cv2
import numpy as np

from relprop.errors import UserError
from relprop.live.frames import Pixels
from relprop.live.opencv import be_quiet

USUAL_RATE, HIGHEST_RATE = 30.0, 240.0


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool:  # noqa: N802
        """Whether there is a camera."""

    def get(self, key: int) -> float:
        """A property; 0 or less if it is not known."""

    def set(self, key: int, value: float) -> bool:
        """Whether the property could be set."""

    def read(self) -> tuple[bool, Any]:
        """Waits for the next frame; False if none came."""

    def release(self) -> None:
        """Give the camera back."""


class Camera:
    """Camera `number` of this machine; 0 is the first. `rate` is what it says, or 30 frames per second.

    Raises `UserError` if there is none, or if it gives no picture.
    """

    live = True

    def __init__(self, number: int, capture: Callable[[int], Capture] | None = None) -> None:
        be_quiet()
        self.name = f"webcam:{number}" if number else "webcam"
        self._camera: Capture = (capture or cv2.VideoCapture)(number)
        if not self._camera.isOpened():
            raise UserError(
                f"source={self.name}: there is no camera {number}, or another program has it; connect one, name "
                "another by source=webcam:N, or give a video file"
            )
        self._camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # older frames are of no use
        rate = self._camera.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and 1 <= rate <= HIGHEST_RATE else USUAL_RATE
        self._began: float | None = None
        self._due = 0.0

    def read(self) -> Pixels | None:
        """The camera's next frame (H, W, 3), blue first, when it comes; None if it gives no more."""
        there, pixels = self._camera.read()
        now = time.perf_counter()
        if not there or pixels is None or pixels.size == 0:
            return None
        self._began = now if self._began is None else self._began
        self._due = now - self._began
        return np.asarray(pixels, np.uint8)

    @property
    def due(self) -> float:
        """When it came."""
        return self._due

    def check_end(self) -> None:
        """A camera has no end of its own: always raises `UserError`."""
        raise UserError(f"{self.name} gives no more pictures; is it still connected?")

    def close(self) -> None:
        """Give the camera back."""
        self._camera.release()
