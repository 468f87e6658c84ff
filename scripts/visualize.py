"""Explain test images and score the heatmaps: python scripts/visualize.py method=lrp skip=flows_skip"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.folders import require_folders
from relprop.runs import choose_checkpoint


@command("visualize", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    require_folders(config.dataset.name, config.dataset.data_dir, ["test"])
    checkpoint = choose_checkpoint(config)
    from relprop.experiment import visualize  # here, since torch takes seconds that a refusal need not wait for

    visualize(config, checkpoint)


if __name__ == "__main__":
    main()
