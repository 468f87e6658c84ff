"""A command that says where it would write; SLEEP lets it be late. Several that srun started wait for each other."""

import os
import time
from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.errors import UserError
from relprop.processes import rank, started
from relprop.unfinished import register_resolver

register_resolver()


@command("train", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    print(f"process {rank()} writes into {Path(config.run_dir).resolve()}", flush=True)
    meet()
    if config.label_smoothing == 0.5:
        raise UserError("half of everything is nothing")


def meet() -> None:
    """Wait in the working directory until all are there, as in every step of a training: nobody ends before."""
    Path(f"process{rank()}").touch()
    deadline = time.monotonic() + 60
    while len(list(Path().glob("process*"))) < started():
        assert time.monotonic() < deadline, "the other processes have not come"
        time.sleep(0.05)


time.sleep(float(os.environ.get("SLEEP", 0)))
if __name__ == "__main__":
    main()
