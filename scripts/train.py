"""Train a classifier: python scripts/train.py model=vgg16 trainer.precision=16-mixed"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command


@command("train", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    from relprop.experiment import train

    train(config)


if __name__ == "__main__":
    main()
