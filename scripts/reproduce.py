"""Reproduce a paper's tables: python scripts/reproduce.py paper=otsuki2024_table1

List the cells first, and how long they take: python scripts/reproduce.py paper=otsuki2024_table1 --dry-run
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from relprop.cli import command
from relprop.errors import UserError
from relprop.processes import launcher, started
from relprop.reproduction.paper import read_paper
from relprop.stopping import stoppable

CONF = Path(__file__).resolve().parents[1] / "conf"


@command("reproduce", CONF, flags={"--dry-run": "dry_run=true"})
def main(config: DictConfig) -> None:
    read_paper(config.paper)
    if started() != 1:
        raise UserError(
            f"{launcher()} has started {started()} processes; start one, which starts others itself with jobs=N, or "
            "share the work between SLURM's jobs with -m worker=0,1 hydra/launcher=submitit_slurm"
        )
    with stoppable(lambda: "the same command goes on with what is missing"):
        from relprop.reproduction.reproducing import reproduce  # here, since a refusal need not wait for torch

        sweep = HydraConfig.get().sweep.dir if HydraConfig.get().mode == RunMode.MULTIRUN else None
        reproduce(config, CONF, sweep)


if __name__ == "__main__":
    main()
