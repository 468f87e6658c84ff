"""Build the network and the method, run the loop, and say what it did."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from relprop.data.classes import class_index
from relprop.experiment.building import build_data, on_cpu, options_of, start
from relprop.experiment.fitting import fitted_patterns, images_for_patterns
from relprop.experiment.method import build_method, describe_method
from relprop.experiment.network import network_for
from relprop.live.drawing import Drawing
from relprop.live.ending import end_of
from relprop.live.explaining import Explaining
from relprop.live.frames import Frame, Source
from relprop.live.loop import Loop
from relprop.live.rates import latency
from relprop.live.window import Window
from relprop.live.writing import VideoOutput
from relprop.results import device_name
from relprop.resuming import SUMMARY, hold, write_json

log = logging.getLogger(__name__)

_WARM_UPS = 2  # the first explanations take longer: plans, compiled programs and memory are made


def run_live(
    config: DictConfig,
    checkpoint: Path | None,
    source: Source,
    path: Path | None,
    window: Window | None,
    origin: Mapping[str, Any],
) -> None:
    """Run, and write `path`, if given, and the summary into `config.run_dir`. `origin`: as `provenance` gives it.

    Raises as `explain_live` says; the video is finished first, unless that is not possible.
    """
    began, folder = time.perf_counter(), Path(config.run_dir)
    with hold(folder):
        explain, about = _build(config, checkpoint, folder)
        side, names = explain.data.image_size, tuple(explain.data.class_names)
        drawing = Drawing(side, names, about["method"]["options"], f"{about['model']} on {about['dataset']}")
        _warm_up(explain)
        output = None if path is None else VideoOutput(path, source.rate, drawing.size)
        loop = Loop(source, explain, drawing, output, config.every_frame, window is not None)
        end = end_of(loop, window, output)
        origin = {"seed": config.seed, "wall_time_seconds": time.perf_counter() - began, **origin}
        facts = {**_outcome(loop, output), "ended": end.reason, **about, **origin}
        write_json(facts, folder / SUMMARY)
    _say(facts)
    if end.error is not None:
        raise end.error


def _build(config: DictConfig, checkpoint: Path | None, folder: Path) -> tuple[Explaining, dict[str, Any]]:
    """What explains, and what the summary says of it."""
    data = build_data(config)
    target = None if config.target == "predicted" else class_index(config.target, data.class_names)
    to_fit_on = images_for_patterns(config)
    network, checkpoint = network_for(config, checkpoint, data)
    start(config, folder)
    device = torch.device("cpu" if on_cpu(config) else "cuda")
    network = network.to(device)
    options = options_of(config.method)
    if to_fit_on is not None:
        options["patterns"] = fitted_patterns(config, network, to_fit_on, folder / "patterns.safetensors", False)
    method = build_method(config, network, data, options)
    said = describe_method(config, method.pipeline)
    return Explaining(method, data, target, device), {
        "model": config.model.name,
        "dataset": data.name,
        "weights": checkpoint.name if checkpoint else "torchvision",
        "method": {"name": config.method.name, "options": said, **method.describe()},
        "device": device_name(device),
    }


def _warm_up(explain: Explaining) -> None:
    side = explain.data.image_size
    for _ in range(_WARM_UPS):
        explain.explain(explain.see(Frame(0, np.full((side, side, 3), 128, np.uint8), 0.0)))


def _outcome(loop: Loop, output: VideoOutput | None) -> dict[str, Any]:
    source, read, explained = loop.reader.source, loop.reader.rate.count, loop.explained.count
    return {
        "source": source.name,
        "output": None if output is None else str(output.path),
        "frames": {
            "read": read,
            "explained": explained,
            "repeated": 0 if output is None else max(0, output.written - explained),
            "written": 0 if output is None else output.written,
        },
        "source_frames_per_second": read / loop.seconds if source.live else source.rate,
        "explained_per_second": explained / loop.seconds,
        "latency_seconds": latency(loop.ages),
        "seconds": loop.seconds,
    }


def _say(facts: Mapping[str, Any]) -> None:
    """The one line that says how it went."""
    frames, age = facts["frames"], facts["latency_seconds"]
    line = (
        f"explained {frames['explained']} of {frames['read']} frames in {facts['seconds']:.1f} s, "
        f"{facts['explained_per_second']:.1f} of {facts['source_frames_per_second']:.1f} per second"
    )
    if age["median"] is not None:
        line += f", shown {age['median']:.2f} s after they were there (95 %: {age['p95']:.2f} s)"
    if frames["written"]:
        line += f"; {facts['output']}: {frames['written']} frames"
    log.info(line)
