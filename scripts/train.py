"""Train a classifier: python scripts/train.py model=vgg16 trainer.precision=16-mixed

Go on with one that was killed: python scripts/train.py ckpt=last
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from relprop.cli import command
from relprop.folders import require_folders
from relprop.processes import refuse_other_number
from relprop.stopping import stoppable
from relprop.unfinished import asks_to_continue, continued, how_to_continue, register_resolver

register_resolver()


@command("train", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    continues = asks_to_continue(config)
    if continues:
        config = continued(config, HydraConfig.get().overrides.task)
        refuse_other_number(config.trainer)
    require_folders(config.dataset.name, config.dataset.data_dir, ["train", "val", "test"])
    with stoppable(lambda: how_to_continue(Path(config.run_dir))):
        from relprop.experiment import train  # here, since torch takes seconds that a refusal need not wait for

        train(config, continues)


if __name__ == "__main__":
    main()
