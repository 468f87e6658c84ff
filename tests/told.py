"""A command that says where it would write; SLEEP lets it be late."""

import os
import time
from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.errors import UserError
from relprop.processes import rank
from relprop.unfinished import register_resolver

register_resolver()


@command("train", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    print(f"process {rank()} writes into {Path(config.run_dir).resolve()}", flush=True)
    if config.label_smoothing == 0.5:
        raise UserError("half of everything is nothing")


time.sleep(float(os.environ.get("SLEEP", 0)))
if __name__ == "__main__":
    main()
