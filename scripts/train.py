"""Train a classifier: python scripts/train.py model=vgg16 trainer.precision=16-mixed"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.folders import require_folders


@command("train", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    require_folders(config.dataset.name, config.dataset.data_dir, ["train", "val", "test"])
    from relprop.experiment import train  # here, since torch takes seconds that a refusal need not wait for

    train(config)


if __name__ == "__main__":
    main()
