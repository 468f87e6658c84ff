"""Read a source in a thread of its own, at its own rate or as fast as its frames are taken."""

import time
from threading import Event

from relprop.live.frames import Frame, Source
from relprop.live.handover import Handover
from relprop.live.rates import Rate


class Reader:
    """Reads `source` to its end, or until `stop` is set, and hands its frames over.

    With `every_frame` in their order, each as soon as there is room; else the newest only, and those of a file at the
    time at which they are due, as if it were a camera. `rate` counts what was read.

    A frame's index is its place in a video of the source's rate: of a file its number; of a camera, whose frames come
    when they come, the time since the first frame in units of that rate.
    """

    def __init__(self, source: Source, every_frame: bool, stop: Event) -> None:
        self.source, self.stop = source, stop
        self.frames: Handover[Frame] = Handover(newest=not every_frame)
        self.rate = Rate()
        self.length = 0  # of the video so far, in frames
        self.ended = False  # whether the source had no more
        self._paced = not source.live and not every_frame

    def run(self) -> None:
        """Whatever happens, `frames` is closed in the end."""
        began = 0.0
        try:
            while not self.stop.is_set():
                pixels = self.source.read()
                if pixels is None:
                    self.ended = True
                    return
                now = time.perf_counter()
                began = began or now
                if self._paced:
                    self.stop.wait(began + self.source.due - now)
                    now = time.perf_counter()
                index = int(self.source.due * self.source.rate) if self.source.live else self.length
                self.length = index + 1
                self.frames.put(Frame(index, pixels, now))
                self.rate.add(now)
        finally:
            self.frames.close(drop=self.stop.is_set())
