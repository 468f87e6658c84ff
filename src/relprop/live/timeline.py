"""Which picture stands at which frame of the video that is written."""

from relprop.live.frames import Pixels
from relprop.live.writing import VideoOutput


class Timeline:
    """A picture stands from the frame that it explains up to the next one that is explained.

    So the video is as long as its source, and an explanation begins at the frame that it is of. Frames before the
    first explained one, if there are any, show that one.
    """

    def __init__(self, output: VideoOutput) -> None:
        self.output = output
        self._last: Pixels | None = None

    def show(self, picture: Pixels, index: int) -> None:
        """`picture` explains frame `index`, which is not before that of the picture before it."""
        if self._last is not None:
            self._fill(index)
        self._last = picture

    def end(self, length: int) -> None:
        """The video has so many frames."""
        self._fill(length)

    def _fill(self, length: int) -> None:
        if self._last is not None:
            self.output.write(self._last, max(0, length - self.output.written))
