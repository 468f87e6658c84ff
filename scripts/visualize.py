"""Explain test images and score the heatmaps: python scripts/visualize.py method=lrp skip=flows_skip

Explain photographs: python scripts/visualize.py method=gradcam image=PATH
"""

from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.folders import require_folders
from relprop.runs import choose_checkpoint
from relprop.sentences import by_method

CONF = Path(__file__).resolve().parents[1] / "conf"


@command("visualize", CONF)
def main(config: DictConfig) -> None:
    if config.image is None:
        require_folders(config.dataset.name, config.dataset.data_dir, ["test"])
    checkpoint = choose_checkpoint(config)
    from relprop.experiment import explain_photos, visualize  # here, since torch takes seconds that a refusal need not

    if config.image is None:
        visualize(config, checkpoint)
    else:
        explain_photos(by_method(config, CONF, "visualize"), checkpoint)


if __name__ == "__main__":
    main()
