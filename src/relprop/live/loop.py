"""The loop: a thread reads, one explains, one draws and writes; whoever runs it looks on."""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Protocol

from relprop.live.drawing import Drawing, Speeds
from relprop.live.explaining import Explanation, Seen
from relprop.live.frames import Frame, Picture, Source
from relprop.live.handover import Handover
from relprop.live.rates import Rate
from relprop.live.reading import Reader
from relprop.live.timeline import Timeline
from relprop.live.writing import VideoOutput

log = logging.getLogger(__name__)

REFRESH, REPORT = 0.5, 10.0
"""Seconds for which the speeds in the picture stay, so that they can be read, and between two that are logged."""

MOST_AGES = 100_000  # of pictures that a camera has shown last, by which latency is told


class Explainer(Protocol):
    """Explains frames in two steps, of which the first can be taken while the network is busy with the frame before."""

    def see(self, frame: Frame) -> Seen:
        """What the network sees of it."""

    def explain(self, seen: Seen) -> Explanation:
        """What it finds there."""


class Loop:
    """Explains frames of `source` until it ends or `stop` is called: all of them in order, or always the newest.

    `output`, if there is one, gets as many frames as were read, and is left open; `length` is their number. `screen`
    has the newest picture, for a window that says by `shown` when it has shown one; with `has_window=False` a picture
    counts as shown when it is drawn. While the network computes, the other threads read the next frame and draw and
    write the last one; nobody waits for them unless they are slower than the network.
    """

    def __init__(
        self,
        source: Source,
        explainer: Explainer,
        draw: Drawing,
        output: VideoOutput | None = None,
        every_frame: bool = False,
        has_window: bool = False,
    ) -> None:
        self._stop = Event()
        self.reader = Reader(source, every_frame, self._stop)
        self.screen: Handover[Picture] = Handover(newest=True)
        self.explained = Rate()
        self.ages: deque[float] = deque(maxlen=MOST_AGES)
        self.seconds = 0.0
        self.length = 0
        self._explainer, self._draw = explainer, draw
        self._every_frame, self._has_window = every_frame, has_window
        self._timeline = None if output is None else Timeline(output)
        self._seen: Handover[Seen] = Handover()
        self._explanations: Handover[tuple[Frame, Explanation]] = Handover()
        self._tasks: list[Future[None]] = []
        self._speeds, self._refreshed, self._reported = Speeds(0, source.rate), 0.0, 0.0

    def run(self, look_on: Callable[["Loop"], None] | None = None) -> None:
        """Until the end. `look_on(self)` runs meanwhile in this thread; when it returns, the loop stops.

        What one of the threads raises, or this one, ends the others, and is raised when all have ended.
        """
        began = self._reported = time.perf_counter()
        with ThreadPoolExecutor(4, "live") as threads:
            work = [self._draw_all, self._explain_all, *([self._see_all] if self._every_frame else []), self.reader.run]
            self._tasks = [threads.submit(self._or_stop, each) for each in work]
            try:
                if look_on is None:
                    wait(self._tasks, return_when=FIRST_EXCEPTION)
                else:
                    look_on(self)
            finally:
                self.stop()
                wait(self._tasks)
                self.seconds = time.perf_counter() - began
        for task in self._tasks:
            task.result()

    def is_running(self) -> bool:
        """Whether there is more to come."""
        return not all(task.done() for task in self._tasks)

    def stop(self) -> None:
        """Read no more; what is being explained is drawn and written."""
        self._stop.set()
        self.reader.frames.close(drop=True)
        self._seen.close(drop=True)

    def shown(self, picture: Picture) -> None:
        """A window shows the picture from now on."""
        self.ages.append(time.perf_counter() - picture.captured)

    def _or_stop(self, work: Callable[[], None]) -> None:
        """Let the others end, too, if this fails."""
        try:
            work()
        except BaseException:
            self.stop()
            self._explanations.close(drop=True)
            raise

    def _see_all(self) -> None:
        try:
            while (frame := self.reader.frames.take()) is not None:
                self._seen.put(self._explainer.see(frame))
        finally:
            self._seen.close()

    def _explain_all(self) -> None:
        try:
            while (seen := self._next_seen()) is not None:
                explanation = self._explainer.explain(seen)
                self.explained.add(time.perf_counter())
                self._explanations.put((seen.frame, explanation))
        finally:
            self._explanations.close()

    def _next_seen(self) -> Seen | None:
        """What is next to be explained. Ahead of time the newest frame is not known, and is cut when its turn comes."""
        if self._every_frame:
            return self._seen.take()
        frame = self.reader.frames.take()
        return None if frame is None else self._explainer.see(frame)

    def _draw_all(self) -> None:
        try:
            while (item := self._explanations.take()) is not None:
                frame, explanation = item
                self._note_speeds(time.perf_counter())
                picture = Picture(self._draw(explanation, self._speeds), frame.captured)
                self.screen.put(picture)
                if not self._has_window:
                    self.shown(picture)
                self.length = frame.index + 1
                if self._timeline is not None:
                    self._timeline.show(picture.pixels, frame.index)
            if not self._every_frame and self.length:  # the last one explained stands up to the last one read
                self.length = self.reader.length
            if self._timeline is not None:
                self._timeline.end(self.length)
        finally:
            self.screen.close()

    def _note_speeds(self, now: float) -> None:
        if now - self._refreshed > REFRESH or self._speeds.explained == 0:
            source = self.reader.source
            rate = self.reader.rate.per_second() if source.live else source.rate
            self._speeds, self._refreshed = Speeds(self.explained.per_second(), rate), now
        if now - self._reported > REPORT:
            self._reported = now
            log.info("%s, %d so far", self._speeds, self.explained.count)
