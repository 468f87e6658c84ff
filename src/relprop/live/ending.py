"""How a run ends: what becomes of the video, and whether that is an error."""

from dataclasses import dataclass

from relprop.errors import UserError
from relprop.live.loop import Loop
from relprop.live.window import Window
from relprop.live.writing import DiskFullError, VideoOutput
from relprop.stopping import StoppedError


@dataclass(frozen=True)
class End:
    """Why it ended, and the exception that the command ends with; None if it ended as it should."""

    reason: str
    error: UserError | StoppedError | None = None


def end_of(loop: Loop, window: Window | None, output: VideoOutput | None) -> End:
    """Run the loop to its end and finish the video, which holds whatever could be read, explained and written.

    A camera is stopped by Ctrl-C as a matter of course; a file is cut short by it, which is an error. So are a source
    that breaks off and a disk that becomes full. Whatever else goes wrong is raised, and leaves no video.
    """
    try:
        end = _run(loop, window)
        if output is not None and output.written:
            output.finish()
        return end
    finally:
        if output is not None:
            output.discard()


def _run(loop: Loop, window: Window | None) -> End:
    try:
        loop.run(window)
    except StoppedError as error:
        reason = str(error).partition(";")[0]
        cut_short = f"{reason}; the first {loop.length} frames are done"
        return End(reason) if loop.reader.source.live else End(reason, StoppedError(cut_short))
    except DiskFullError as error:
        return End("the disk is full", error)
    if not loop.reader.ended:
        return End("the window was closed")
    try:
        loop.reader.source.check_end()
    except UserError as error:
        return End("the source broke off", error)
    return End("the source ended")
