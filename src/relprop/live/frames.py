"""What moves through the loop: frames, and where they come from. Imports no torch."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3). What is read is in OpenCV's order, blue first; what is drawn has red first."""


@dataclass(frozen=True)
class Frame:
    """A frame as it was read, its place in the video that is written, and when it was there (`time.perf_counter`)."""

    index: int
    pixels: Pixels
    captured: float


@dataclass(frozen=True)
class Picture:
    """What is shown, red first, and when the frame that it explains was there."""

    pixels: Pixels
    captured: float


class Source(Protocol):
    """Frames, one after the other."""

    name: str  # as the user gave it
    live: bool  # whether frames come by themselves, as a camera's do, at their own time
    rate: float  # frames per second

    def read(self) -> Pixels | None:
        """The next frame, as soon as there is one; None if no more will come."""

    @property
    def due(self) -> float:
        """Seconds after the first frame at which the one that was read last belongs."""

    def check_end(self) -> None:
        """Raise `UserError` if the end that was reached came too early."""

    def close(self) -> None:
        """Nothing is read after."""
