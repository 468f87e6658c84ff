"""Real time from a config to a video and a summary."""

import json
import os
import signal
import time
from pathlib import Path
from threading import Thread

import pytest
import torch
from omegaconf import OmegaConf

from relprop.errors import UserError
from relprop.live import explain_live, sources
from relprop.live.cameras import Camera
from relprop.models import build_model
from relprop.stopping import StoppedError
from tests.configs import composed
from tests.live.videos import FakeCapture, make_video, photo, read_video


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet20.pth"
    torch.save(build_model("resnet20", num_classes=10, image_size=32).state_dict(), path)
    return path


def explain(folder: Path, weights: Path, *words: str) -> dict[str, object]:
    """The summary of a run with an output, OUT.mp4."""
    config = composed("demo", folder, f"ckpt={weights}", f"output={folder / 'out.mp4'}", *words)
    explain_live(config, weights)
    return summary(folder)


def summary(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "demo" / "run" / "summary.json").read_text())
    return found


@pytest.mark.parametrize("every_frame", [False, True])
def test_a_video_is_explained_and_written_and_summed_up(
    tmp_path: Path, weights: Path, caplog: pytest.LogCaptureFixture, every_frame: bool
) -> None:
    source = make_video(tmp_path / "in.mp4", 12, 24000 / 1001, (160, 120))
    with caplog.at_level("INFO"):
        said = explain(tmp_path, weights, f"source={source}", f"every_frame={every_frame}")
    frames, rate = read_video(tmp_path / "out.mp4")
    assert len(frames) == 12 and rate == pytest.approx(24000 / 1001, abs=1e-3)
    counts = said["frames"]
    assert isinstance(counts, dict)
    assert counts["read"] == counts["written"] == 12
    assert counts["explained"] + counts["repeated"] == 12
    assert counts["repeated"] == 0 or not every_frame
    assert said["source_frames_per_second"] == pytest.approx(rate) and said["ended"] == "the source ended"
    assert said["explained_per_second"] == pytest.approx(counts["explained"] / said["seconds"])
    assert 0 < said["latency_seconds"]["median"] <= said["latency_seconds"]["p95"] < 5
    assert (said["source"], said["output"]) == (str(source), str(tmp_path / "out.mp4"))
    assert said["method"]["name"] == "lrp" and "composite=otsuki2024" in said["method"]["options"]
    assert {"device", "versions", "git_commit", "python", "seed", "model", "weights"} <= set(said)
    assert caplog.messages[-1].startswith(f"explained {counts['explained']} of 12 frames in ")
    assert caplog.messages[-1].endswith(f"{tmp_path / 'out.mp4'}: 12 frames")
    assert (tmp_path / "demo" / "run" / "config.yaml").is_file()


def test_a_camera_is_explained_until_ctrl_c(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its frames may even change their size."""
    frames = [photo(0, (160, 120) if number % 20 < 10 else (90, 120)) for number in range(300)]
    capture = FakeCapture([number / 30 for number in range(300)], frames, rate=30.0)
    monkeypatch.setattr(sources, "Camera", lambda number: Camera(number, capture))
    Thread(target=interrupt, args=(tmp_path / "out.mp4", capture), daemon=True).start()
    said = explain(tmp_path, weights, "source=webcam")
    assert said["ended"] == "stopped by SIGINT" and capture.released
    assert said["source_frames_per_second"] == pytest.approx(said["frames"]["read"] / said["seconds"])
    written, rate = read_video(tmp_path / "out.mp4")
    assert (len(written), rate) == (said["frames"]["written"], 30)
    assert 3 < len(written) <= 30 * said["seconds"] + 1


def interrupt(output: Path, capture: FakeCapture | None = None) -> None:
    """As Ctrl-C does, soon after the first frame was read."""
    while not output.with_name(".out.part.mp4").exists() or (capture is not None and capture._read < 1):
        time.sleep(0.01)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)


def test_a_file_that_is_stopped_is_an_error_and_its_video_is_whole(tmp_path: Path, weights: Path) -> None:
    source = make_video(tmp_path / "in.mp4", 300, 30)
    Thread(target=interrupt, args=(tmp_path / "out.mp4",), daemon=True).start()
    with pytest.raises(StoppedError, match="stopped by SIGINT; the first [0-9]+ frames are done"):
        explain(tmp_path, weights, f"source={source}")
    said = summary(tmp_path)
    assert said["ended"] == "stopped by SIGINT"
    assert len(read_video(tmp_path / "out.mp4")[0]) == said["frames"]["written"] < 100


def test_a_video_that_breaks_off_is_written_up_to_there(tmp_path: Path, weights: Path) -> None:
    source = make_video(tmp_path / "in.avi", 40)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(UserError, match=r"in\.avi breaks off, .* bytes are missing; [0-9]+ of 40 frames could be read"):
        explain(tmp_path, weights, f"source={source}", "every_frame=true")
    said = summary(tmp_path)
    assert said["ended"] == "the source broke off"
    assert len(read_video(tmp_path / "out.mp4")[0]) == said["frames"]["read"] > 10


def test_an_explanation_that_fails_leaves_no_video(tmp_path: Path, weights: Path) -> None:
    torch.save(torch.zeros(3, 32, 32), tmp_path / "maps.pt")
    source = make_video(tmp_path / "in.mp4", 10)
    with pytest.raises(UserError, match="maps.pt"):
        explain(
            tmp_path, weights, f"source={source}", "every_frame=true", "method=file", f"method.path={tmp_path}/maps.pt"
        )
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "maps.pt", "demo"}


def test_what_is_wrong_is_said_before_the_network_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    source = make_video(tmp_path / "in.mp4", 2)
    nothing = tmp_path / "no.pth"  # is never looked at
    refusals = {
        ("source=none.mp4",): "there is no video none.mp4",
        (f"source={source}", "output=a.gif"): r"output=a\.gif must end in",
        (f"source={source}", f"output={source}"): "is the source itself",
        (f"source={source}", "output=null", "window=false"): "leaves nothing to be seen; give output=FILE.mp4",
        (f"source={source}", "output=null"): r"there is no display for a window \(.*\); say window=false output=FILE",
        (f"source={source}", "window=true"): "there is no display for a window",
        ("source=webcam:63",): "there is no camera 63",
        ("source=webcam", "every_frame=true"): "every_frame=true is for video files",
    }
    config = composed("demo", tmp_path, f"ckpt={nothing}", f"output={tmp_path / 'out.mp4'}")
    for words, refusal in refusals.items():
        with pytest.raises(UserError, match=refusal):
            explain_live(OmegaConf.merge(config, OmegaConf.from_dotlist([*words])), nothing)
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4"}


def test_without_tkinter_a_window_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tkinter", None)
    source = make_video(tmp_path / "in.mp4", 2)
    with pytest.raises(UserError, match=r"needs tkinter and Pillow's ImageTk.*apt install python3-tk"):
        explain(tmp_path, tmp_path / "no.pth", f"source={source}", "window=true")
