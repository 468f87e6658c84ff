"""From a config to a running loop. What is wrong with source, output or window is said before torch is imported."""

from contextlib import ExitStack
from pathlib import Path

from omegaconf import DictConfig

from relprop.errors import UserError
from relprop.live.sources import local_path, open_source
from relprop.live.video_files import VideoFile
from relprop.live.writing import check_output
from relprop.provenance import provenance
from relprop.stopping import stoppable


def explain_live(config: DictConfig, checkpoint: Path | None) -> None:
    """Explain what `config.source` shows, by the config's method, until it ends, the window is closed, or Ctrl-C.

    `checkpoint` is what `choose_checkpoint` gives. Writes the video `config.output`, if there is one, and summary.json
    into `config.run_dir`. Raises `UserError` for what cannot be read, shown or written, and at the end for a source
    that broke off; `StoppedError` for a file that was stopped before its end. A camera has no other end, and is fine.
    """
    origin = provenance()
    shows = config.output is None if config.window is None else config.window
    if not shows and config.output is None:
        raise UserError("window=false without an output leaves nothing to be seen; give output=FILE.mp4")
    with ExitStack() as opened, stoppable(lambda: "nothing was explained"):
        source = open_source(str(config.source), config.every_frame)
        opened.callback(source.close)
        output = None if config.output is None else local_path(str(config.output), "output")
        if output is not None:
            check_output(output, source.path if isinstance(source, VideoFile) else None)
        window = None
        if shows:
            from relprop.live.window import Window

            window = Window(f"relprop: {source.name}")
            opened.callback(window.destroy)
        from relprop.live.running import run_live  # here, since torch takes seconds that a refusal need not

        run_live(config, checkpoint, source, output, window, origin)
