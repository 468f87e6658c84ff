"""The command as a user says it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from relprop.models import build_model
from tests.configs import SCRIPTS
from tests.live.videos import make_video, read_video
from tests.processes import only

pytestmark = pytest.mark.slow


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    without = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "RELPROP_WEIGHTS")}
    command = [sys.executable, str(SCRIPTS / "demo.py"), "dataset=digits", "model=resnet20", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env={**without, "OMP_NUM_THREADS": "1"}, stdout=pipe, stderr=pipe, text=True
    )


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    torch.manual_seed(0)
    torch.save(build_model("resnet20", num_classes=10, image_size=32).state_dict(), tmp_path / "weights.pth")
    return [f"ckpt={tmp_path / 'weights.pth'}", f"source={make_video(tmp_path / 'in.mp4', 600, 30)}"]


def test_refusals_are_one_line_and_exit_code_1(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nin.mp4\n#EXT-X-ENDLIST\n")
    refusals = {
        "source=text.mp4": "error: text.mp4 is damaged, or no video that can be read",
        "source=list.mp4": "error: list.mp4 is damaged, or no video that can be read",
        "source=webcam": "error: source=webcam: there is no camera 0",
        "output=out.gif": "error: output=out.gif must end in one of .mp4",
        "output=in.mp4": "error: output=in.mp4 is the source itself",
        "window=maybe": "error: window=maybe is not valid; choose one of: true, false, null",
        "window=true": "error: there is no display for a window",
        "method=[lrp,gradient]": "error: method=[lrp,gradient]: a video is explained by one method",
    }
    runs = {word: start(tmp_path, words[0], words[1], "output=out.mp4", word) for word in refusals}
    for word, process in runs.items():
        out, err = process.communicate()
        assert (process.returncode, out) == (1, ""), word
        assert err.startswith(refusals[word]) and err.count("\n") == 1, err
    assert not (tmp_path / "out.mp4").exists()


def test_ctrl_c_ends_with_a_whole_video_and_one_line(tmp_path: Path, words: list[str]) -> None:
    process = start(tmp_path, *words, "output=out.mp4")
    while not (tmp_path / ".out.part.mp4").exists():
        time.sleep(0.05)
        assert process.poll() is None
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    frames, _ = read_video(tmp_path / "out.mp4")
    assert process.returncode == 1
    assert err.splitlines()[-1] == f"error: stopped by SIGINT; the first {len(frames)} frames are done"
    assert "Traceback" not in out + err and len(frames) > 5
    assert only(tmp_path, "outputs/demo/*/summary.json").is_file()
    assert not (tmp_path / ".out.part.mp4").exists()
