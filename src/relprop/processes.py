"""Which process of a run this is, as its launcher says: torchrun, SLURM's srun, or Lightning. Imports no torch."""

import os
import signal
import threading
import time
from typing import Literal

from omegaconf import DictConfig

from relprop.errors import UserError

Launcher = Literal["torchrun", "srun", "Lightning"]


def launcher() -> Launcher:
    """Who starts the processes of this run.

    Lightning starts them itself, from within the script, unless torchrun or srun have started them all. As for
    Lightning, torchrun goes first, since srun may start it, and a shell of SLURM's that is called "bash" or
    "interactive" is no launcher.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun"
    return "srun" if _in_slurm_job() and "SLURM_STEP_ID" in os.environ else "Lightning"


def rank() -> int:
    """The number of this process among those of its run, from 0."""
    variable = {"torchrun": "RANK", "srun": "SLURM_PROCID", "Lightning": "LOCAL_RANK"}[launcher()]
    return int(os.environ.get(variable, 0))


def first() -> bool:
    """Whether this process is its run's first or only one, which alone writes and says what there is to say."""
    return rank() == 0


def started() -> int:
    """How many processes a launcher has started each for itself; 1 where Lightning starts the others."""
    variable = {"torchrun": "WORLD_SIZE", "srun": "SLURM_NTASKS"}.get(launcher())
    return int(os.environ[variable]) if variable else 1


def refuse_other_number(trainer: DictConfig) -> None:
    """Raise `UserError` if the launcher has started other processes than the options of `trainer` ask for.

    They would wait for each other for ever, or each would run all of it.
    """
    devices, nodes, by = trainer.devices, trainer.get("num_nodes", 1), launcher()
    if by == "Lightning":
        if nodes != 1:
            raise UserError(
                f"trainer.num_nodes={nodes}: on several nodes, start the script with torchrun or, on SLURM, with srun"
            )
        if devices != 1 and _in_slurm_job():
            raise UserError(f"trainer.devices={devices}: in this SLURM job, start the script with srun")
        return
    if isinstance(devices, int) and devices > 0:  # else only Lightning can count them
        refuse_other_count(devices, nodes)
    if by == "srun" and started() > 1 and "SLURM_NTASKS_PER_NODE" not in os.environ:
        raise UserError(f"srun started {started()} processes; ask SLURM for them with --ntasks-per-node, not --ntasks")


def refuse_other_count(devices: int, nodes: int) -> None:
    """Raise `UserError` if torchrun or srun have started another number of processes than there are devices."""
    if launcher() != "Lightning" and devices * nodes != started():
        raise UserError(
            f"{launcher()} started {started()} processes, but this is a run of {devices * nodes}: "
            f"trainer.devices={devices} on {nodes} node{'s' * (nodes > 1)}; say trainer=ddp or trainer=ddp_cpu, "
            "with trainer.devices how many processes each node has, and with trainer.num_nodes how many nodes there are"
        )


def is_lost_process(error: RuntimeError) -> bool:
    """Whether gloo or NCCL say with `error` that a process with which this one works has ended."""
    return type(error).__name__ in ("DistBackendError", "DistNetworkError") or (
        "gloo" in str(error) and "peer" in str(error)
    )


def end_with_parent() -> None:
    """From now on end when the process ends that has started this one, however it ends.

    Else a process that waits for one that was killed would stay for as long as torch waits: half an hour.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_slurm_job() -> bool:
    return "SLURM_NTASKS" in os.environ and os.environ.get("SLURM_JOB_NAME") not in ("bash", "interactive")
