"""Compare trainings in several number formats: python scripts/precision.py runs=[outputs/train/A,outputs/train/B]"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.comparison.trainings import read_trainings


@command("precision", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    trainings = read_trainings(config.runs)
    from relprop.experiment.precision import compare_precisions  # here, since a wrong word need not wait for torch

    compare_precisions(trainings, config)


if __name__ == "__main__":
    main()
