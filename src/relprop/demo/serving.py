"""The page on an address of this machine."""

import logging
import os
import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from relprop.adopting import adopted
from relprop.demo.networks import Listed, is_named, of_checkpoint, pretrained
from relprop.demo.studio import Studio
from relprop.demo.uploads import UPLOADS
from relprop.experiment.building import build_data
from relprop.experiment.network import must_train, network_for
from relprop.runs import choose_checkpoint, find_checkpoints
from relprop.sentences import chosen
from relprop.stopping import StoppedError, stoppable

log = logging.getLogger(__name__)

# What stands on the page, or is about the page itself; all other words hold for whatever is chosen there.
ON_PAGE = ("method", "composite", "skip", "method.relevance_filter", "target", "image", "cut")
OF_PAGE = ("host", "port", "share", "source", "output", "window", "every_frame", "run_dir", "protocol", "hydra")


def serve(config: DictConfig, folder: Path, words: Sequence[str]) -> None:
    """Serve the page until Ctrl-C. `folder` holds all configs; `words` are those of the command.

    Without any network below `config.output_dir` one is trained first, as `visualize.py` does. Raises `UserError`
    for a network that there is not, and for an address that cannot be had.
    """
    with stoppable(lambda: "the page has ended"):
        studio = open_studio(config, folder, words)
        if studio.own is not None:
            studio.open(studio.own.id)  # what is wrong with it is said here, rather than on the page
        uploads = keep_to_itself(studio.run_dir)
        from relprop.demo.launching import launch  # here, since Gradio reads its environment when it is imported

        methods, skips = chosen(words, "method"), chosen(words, "skip")
        page = launch(studio, methods or [config.method.name], skips[-1] if skips else "auto", uploads)
        log.info("open %s; Ctrl-C ends it", page.share_url or page.local_url)
        try:
            threading.Event().wait()
        except StoppedError as end:
            log.info("%s", end)
        finally:
            page.close(verbose=False)
            shutil.rmtree(uploads, ignore_errors=True)  # what visitors have sent is nobody else's


def open_studio(config: DictConfig, folder: Path, words: Sequence[str]) -> Studio:
    """What answers the page's questions, with at least one network."""
    completed = adopted(config, words)
    own = None
    if is_named(words) or not find_checkpoints(Path(completed.output_dir)):
        own = _own_network(completed, words)
    return Studio(completed, folder, [word for word in words if _holds_for_all(word)], own)


def _own_network(config: DictConfig, words: Sequence[str]) -> Listed:
    """The network that the command names, trained now if there is none yet."""
    checkpoint = choose_checkpoint(config)
    if must_train(config, checkpoint):
        _, checkpoint = network_for(config, checkpoint, build_data(config))
    return pretrained(config, words) if checkpoint is None else of_checkpoint(checkpoint, words)


def keep_to_itself(folder: Path) -> Path:
    """Have Gradio call nobody and keep its files in `folder`: to be called before it is imported. Gives that place."""
    uploads = (folder / UPLOADS).resolve()
    uploads.mkdir(parents=True, exist_ok=True)
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(uploads), "HF_HUB_OFFLINE": "1"}
    return uploads


def _holds_for_all(word: str) -> bool:
    """Whether a word of the command line says the same of whatever is chosen on the page."""
    key = str(OverridesParser.create().parse_override(word).key_or_group)
    return not is_named([word]) and key not in ON_PAGE and re.split(r"[./]", key)[0] not in OF_PAGE
