"""Which process this is by the variables of its launcher, which numbers of processes are refused, and orphans."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from relprop.errors import UserError
from relprop.processes import first, launcher, rank, refuse_other_number, started

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "GROUP_RANK": "1"}
STEP = {"SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURM_LOCALID": "1", "SLURM_NTASKS_PER_NODE": "2"}
SLURM = {"SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "train.sbatch", "SLURM_NTASKS": "2", "SLURM_PROCID": "0"}
SRUN = {**SLURM, **STEP}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLURM_", "TORCHELASTIC_")) or name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK"):
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ("Lightning", 0, 1)),
        ({"LOCAL_RANK": "0", "WORLD_SIZE": "2", "NODE_RANK": "0"}, ("Lightning", 0, 1)),  # it has started another
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2", "NODE_RANK": "0"}, ("Lightning", 1, 1)),
        (TORCHRUN, ("torchrun", 3, 4)),
        (SRUN, ("srun", 1, 2)),
        ({**SRUN, **TORCHRUN}, ("torchrun", 3, 4)),  # that srun has started
        (SLURM, ("Lightning", 0, 1)),  # the batch script itself
        ({**SRUN, "SLURM_JOB_NAME": "bash"}, ("Lightning", 0, 1)),  # srun --pty bash
    ],
)
def test_each_launcher_says_which_process_this_is(variables, expected, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, variables)
    assert (launcher(), rank(), started()) == expected
    assert first() == (expected[1] == 0)


def trainer(**options: object) -> DictConfig:
    return OmegaConf.create({"devices": 1, **options})


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        ({}, {}),
        ({}, {"devices": 2, "num_nodes": 1}),
        ({}, {"devices": "auto"}),
        (TORCHRUN, {"devices": 4, "num_nodes": 1}),
        (TORCHRUN, {"devices": 2, "num_nodes": 2}),
        (TORCHRUN, {"devices": "auto", "num_nodes": 1}),  # Lightning counts them later
        (TORCHRUN, {"devices": -1, "num_nodes": 1}),
        (SRUN, {"devices": 2, "num_nodes": 1}),
        (SLURM, {"devices": 1}),
        ({"SLURM_JOB_ID": "77"}, {"devices": 2}),  # no tasks asked for: Lightning starts the processes
    ],
)
def test_takes_as_many_processes_as_the_config_asks_for(variables, options, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, variables)
    refuse_other_number(trainer(**options))


@pytest.mark.parametrize(
    ("variables", "options", "says"),
    [
        (TORCHRUN, {}, "torchrun started 4 processes, but this is a run of 1: trainer.devices=1 on 1 node;"),
        (TORCHRUN, {"devices": 4, "num_nodes": 2}, "a run of 8: trainer.devices=4 on 2 nodes"),
        (SRUN, {}, "srun started 2 processes"),
        ({}, {"devices": 2, "num_nodes": 2}, "trainer.num_nodes=2: .* with torchrun or, on SLURM, with srun"),
        (SLURM, {"devices": 2}, "trainer.devices=2: in this SLURM job, start the script with srun"),
        (SLURM, {"devices": "auto"}, "start the script with srun"),
    ],
)
def test_refuses_other_numbers(variables, options, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, variables)
    with pytest.raises(UserError, match=says):
        refuse_other_number(trainer(**options))


def test_names_the_option_of_slurm_that_lightning_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {name: value for name, value in SRUN.items() if name != "SLURM_NTASKS_PER_NODE"})
    with pytest.raises(UserError, match="--ntasks-per-node, not --ntasks"):
        refuse_other_number(trainer(devices=2))


def test_a_process_ends_with_the_one_that_started_it() -> None:
    """Even when that one is killed, and this one is in the middle of something that takes half an hour."""
    child = (
        "import time; from relprop.processes import end_with_parent; end_with_parent(); print('on'); time.sleep(1800)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-uc', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        began = time.monotonic()
        process.kill()
        assert process.stdout.read() == ""  # which lasts until the child, too, has ended
        assert time.monotonic() - began < 10


def test_no_torch_is_imported_to_find_out() -> None:
    code = "import sys, relprop.processes, relprop.announcing; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
