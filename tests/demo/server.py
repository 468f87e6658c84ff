"""The real `scripts/demo.py`, started as a user would, and the networks that it offers."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from relprop.experiment import train
from tests.configs import SCRIPTS, composed

NETWORKS = {
    "vgg": ("dataset=digits", "model=vgg11", "model.width=0.125", "dataset.epochs=1", "+trainer.limit_train_batches=2"),
    "resnet": ("dataset=digits", "model=resnet20", "dataset.epochs=1"),
}
"""By the name of their run's folder; the last one is the newest, which the page opens at first."""

STARTS_WITHIN = 90.0  # seconds, on cores that others use, too
WATCHING = Path(__file__).parent / "watching"
WATCHED = "WATCHED: "


@dataclass(frozen=True)
class Server:
    """Where the page is, the folder of all outputs, and the file of all that the server has said."""

    url: str
    outputs: Path
    said: Path

    @property
    def run_dir(self) -> Path:
        (path,) = (self.outputs / "demo").iterdir()
        return path

    @property
    def uploads(self) -> Path:
        return self.run_dir / "uploads"

    def log(self) -> str:
        return self.said.read_text(encoding="utf-8")

    def checkpoint(self, name: str) -> Path:
        return self.outputs / "train" / name / "checkpoints" / "best.ckpt"


def train_networks(outputs: Path, *names: str) -> None:
    for name in names:
        train(composed("train", outputs, *NETWORKS[name], "logger=csv", f"run_dir={outputs}/train/{name}"))


@contextmanager
def serving(outputs: Path, *words: str) -> Iterator[Server]:
    """The page, for as long as the block lasts. Calls of others, and programs run, stand in its log as `WATCHED`."""
    said = outputs / "said.txt"
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("GRADIO", "PYTHONWARNINGS"))}
    path = os.pathsep.join([str(WATCHING), *filter(None, [variables.get("PYTHONPATH")])])
    variables |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, str(SCRIPTS / "demo.py"), f"output_dir={outputs}", "logger=csv", *words]
    with said.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, cwd=outputs, env=variables, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Server(_address(process, said), outputs, said)
    finally:
        process.terminate()
        process.wait(20)


def _address(process: subprocess.Popen[bytes], said: Path) -> str:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end and process.poll() is None:
        text = said.read_text(encoding="utf-8")
        if "open http" in text:
            return text.rpartition("open ")[2].partition(";")[0].strip().rstrip("/")
        time.sleep(0.1)
    raise AssertionError(f"the page did not come: {said.read_text(encoding='utf-8')}")
