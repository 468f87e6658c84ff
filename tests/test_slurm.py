"""SLURM: processes that srun starts, and sweeps that submitit runs; with SLURM's variables, and processes for nodes."""

import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from relprop import announcing
from tests.configs import CONF
from tests.processes import only

TOLD = Path(__file__).with_name("told.py")
TRAIN = CONF.parent / "scripts" / "train.py"
QUICK = ("model=squeezenet1_1", "logger=csv", "trainer=cpu", "trainer.fast_dev_run=true")
LOCAL = ("-m", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5")


def start(program: Path, *words: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    foreign = ("SLURM_", "TORCHELASTIC_", "WANDB", "RELPROP", "MASTER_")
    mine = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**mine, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen([sys.executable, str(program), *words], cwd=cwd, env=environment, text=True, **pipes)


@pytest.mark.parametrize(
    ("nodes", "step", "expected"),
    [
        ("gpu[03-05,07],gpu12", "0", ("gpu03", "19711")),
        ("gpu[7]", "0", ("gpu7", "19711")),
        ("login1,gpu[03-05]", "1", ("login1", "19812")),
        ("rack2-n[1,5]-ib", "0", ("rack2-n1-ib", "19711")),
        ("node", "0", ("node", "19711")),
    ],
)
def test_processes_meet_on_the_first_node(nodes: str, step: str, expected: tuple[str, str], monkeypatch) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "SLURM_STEP_NODELIST"):  # what is set meanwhile is undone
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_NODELIST", nodes)
    monkeypatch.setenv("SLURM_JOB_ID", "1234711")
    monkeypatch.setenv("SLURM_STEP_ID", step)
    announcing._settle_place()
    assert (os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]) == expected


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a process when it has ended, for which it has two minutes."""
    try:
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()  # does nothing to one that has ended
    return process.returncode, output, errors


def srun(*words: str, cwd: Path) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of two processes, as on two nodes; the first one is late."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    job = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "job.sbatch", "SLURM_STEP_ID": "0", "SLURM_NODELIST": "localhost"}
    size = {"SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": "2", "MASTER_PORT": port}
    processes = [
        start(
            TOLD,
            "trainer=ddp_cpu",
            "trainer.devices=1",
            "trainer.num_nodes=2",
            *words,
            cwd=cwd,
            **{**job, **size, "SLURM_PROCID": str(rank), "SLURM_NODEID": str(rank), "SLURM_LOCALID": "0"},
            SLEEP=str(1.2 * (1 - rank)),
        )
        for rank in range(2)
    ]
    with ThreadPoolExecutor() as threads:  # else the second would be left when the first does not end
        return list(threads.map(ended, processes))


@pytest.mark.slow
def test_processes_that_begin_at_different_times_have_one_folder(tmp_path: Path) -> None:
    (first, told, _), (second, other, _) = srun(cwd=tmp_path)
    assert first == second == 0
    folder = only(tmp_path, "outputs/told/*")
    assert told == f"process 0 writes into {folder}\n"
    assert other == f"process 1 writes into {folder}\n"
    assert [path.name for path in folder.iterdir()] == [".hydra"]


@pytest.mark.parametrize("words", [["model=foo"], ["label_smoothing=0.5"]])
def test_a_refusal_ends_all_processes_and_is_said_once(words: list[str], tmp_path: Path) -> None:
    """Of the config, before there is a folder, and of the run."""
    (first, _, said), (second, _, repeated) = srun(*words, cwd=tmp_path)
    assert first == second == 1
    assert said.startswith("error: ") and said.count("\n") == 1
    assert repeated == ""
    assert list(tmp_path.glob("outputs/told/*")) == []


def test_what_is_wrong_with_one_process_alone_is_said(tmp_path: Path) -> None:
    """By a process that Lightning has started, while the first goes on."""
    impatient = tmp_path / "told.py"
    impatient.write_text(
        f"import runpy, relprop.announcing as a; a.GRACE = 0.1; runpy.run_path({str(TOLD)!r}, None, '__main__')"
    )
    code, _, said = ended(start(impatient, "label_smoothing=0.5", cwd=tmp_path, LOCAL_RANK="1"))
    assert (code, said) == (1, "error: in process 1: half of everything is nothing\n")


@pytest.mark.slow
def test_submitit_gives_each_run_of_a_sweep_its_folder_and_its_refusal(tmp_path: Path) -> None:
    """A refused run is one line, and the exit code, and leaves the other one alone, which is a whole training."""
    code, _, errors = ended(start(TRAIN, *LOCAL, "seed=-1,7", *QUICK, cwd=tmp_path))
    assert code == 1
    assert "Traceback" not in errors
    refusal = "seed=-1 is not valid; it takes a whole number from 0 to 4294967295"
    assert errors.splitlines()[-1] == f"error: run 0 of the sweep: {refusal}"
    date = only(tmp_path, "outputs/train/*")
    assert sorted(path.name for path in date.iterdir()) == [".submitit", "0", "1", "multirun.yaml"]
    assert (date / "0" / "train.log").read_text().startswith(f"error: {refusal}\n")
    assert json.loads((date / "1" / "summary.json").read_text())["seed"] == 7
