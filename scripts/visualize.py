"""Explain test images and score the heatmaps: python scripts/visualize.py method=lrp skip=flows_skip"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.runs import choose_checkpoint


@command("visualize", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    checkpoint = choose_checkpoint(config)  # before torch is imported, so that a refusal comes at once
    from relprop.experiment import visualize

    visualize(config, checkpoint)


if __name__ == "__main__":
    main()
