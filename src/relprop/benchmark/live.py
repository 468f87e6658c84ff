"""The loop of real time against the bare engine: what reading, cutting, drawing and writing cost beside it."""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from sklearn.datasets import load_sample_image

from relprop.benchmark.cases import LiveCase
from relprop.benchmark.sides import Times, compared, prepare, setting
from relprop.data.base import ImageDataModule
from relprop.data.imagenet import ImageNet
from relprop.experiment.method import Method
from relprop.explainers import get_explainer
from relprop.live.drawing import Drawing
from relprop.live.explaining import Explaining
from relprop.live.frames import Pixels
from relprop.live.loop import Loop
from relprop.live.opencv import be_quiet
from relprop.live.video_files import VideoFile
from relprop.live.writing import VideoOutput
from relprop.postprocessing import Pipeline

RATE, SIZE, SECONDS = 30, (640, 480), 4.0
"""Frames per second, width and height, and seconds of the video that is explained."""

METHOD = {"composite": "otsuki2024", "skip": "flows_skip"}
PHOTO = "china.jpg"  # of scikit-learn's
IN_MAIN, IN_THREAD = "engine in the main thread", "engine in a thread"


def measure_live(case: LiveCase, memory_format: str, repeats: int, competitors: bool = True) -> dict[str, Any]:
    """Seconds for one explained frame in the whole loop, and their ratio to the bare engine's; medians.

    The loop reads a video of moving content, cuts, explains and draws its frames and writes a video, without a window;
    the network is `case.model`, the method LRP. The baseline is the method alone, on a batch of one that is ready, for
    as long as the video lasts: in the main thread or in one of its own, as in the loop, whichever is faster. The sides
    take turns, `repeats` times after one to warm up. Where the engine is faster than the video, the newest frame is no
    measure of the loop: then take the case of every frame.
    """
    model, images, target = prepare(case, memory_format)
    method = Method(get_explainer("lrp", model, **METHOD), Pipeline())
    data = ImageNet(image_size=case.image_size)
    explain = Explaining(method, data, None, images.device)

    def engine() -> float:
        return _seconds_each(lambda: method(images, target), images.device)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        video = _make_video(Path(folder) / "source.mp4")
        sides: dict[str, Callable[[], float]] = {
            "loop": lambda: _run_loop(video, explain, data, case.every_frame),
            IN_MAIN: engine,
            IN_THREAD: lambda: thread.submit(engine).result(),
        }
        times = _take_turns(sides, repeats)
    best = min((IN_MAIN, IN_THREAD), key=lambda name: statistics.median(times[name]))
    return {
        "case": case.name,
        "baseline": best,
        **compared(times, "loop", best, case.batch),
        "baseline_seconds": statistics.median(times[best]),
        "others": {name: compared(times, name, best, case.batch) for name in (IN_MAIN, IN_THREAD)},
        "every_frame": case.every_frame,
        "source_frames_per_second": RATE,
        "source_size": list(SIZE),
        **METHOD,
        **setting(case, memory_format, repeats, images.device),
    }


def _take_turns(sides: Mapping[str, Callable[[], float]], repeats: int) -> Times:
    """What every side says it took, in turns, so that all meet the same noise; the first turn warms up."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in track(range(repeats + 1), "measuring", console=Console(stderr=True)):
        for name, side in sides.items():
            seconds = side()
            if turn > 0:
                times[name].append(seconds)
    return times


def _run_loop(video: Path, explain: Explaining, data: ImageDataModule, every_frame: bool) -> float:
    """Seconds for one explained frame."""
    source, drawing = VideoFile(video), Drawing(data.image_size, data.class_names, "lrp", "benchmark")
    output = VideoOutput(video.with_name("output.mp4"), source.rate, drawing.size)
    loop = Loop(source, explain, drawing, output, every_frame)
    try:
        loop.run()
        output.finish()
    finally:
        output.discard()
        source.close()
    return loop.seconds / loop.explained.count


def _seconds_each(explain: Callable[[], object], device: torch.device) -> float:
    """Seconds for one explanation, of as many as can be made while the video lasts."""
    began, count, passed = time.perf_counter(), 0, 0.0
    while passed < SECONDS:
        explain()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        count, passed = count + 1, time.perf_counter() - began
    return passed / count


def _make_video(path: Path) -> Path:
    """A photograph that wanders through the picture."""
    width, height = SIZE
    photo: Pixels = cv2.cvtColor(load_sample_image(PHOTO), cv2.COLOR_RGB2BGR)
    large = cv2.resize(photo, (width * 3 // 2, height * 3 // 2))
    be_quiet()
    video = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), RATE, SIZE)
    for share in np.linspace(0, 2 * np.pi, round(RATE * SECONDS), endpoint=False):
        left = round(width / 4 * (1 + np.sin(share)))
        top = round(height / 4 * (1 + np.cos(2 * share)))
        video.write(np.ascontiguousarray(large[top : top + height, left : left + width]))
    video.release()
    return path
