"""Explain test images and score the heatmaps: python scripts/visualize.py method=lrp skip=flows_skip

Explain photographs: python scripts/visualize.py method=gradcam image=PATH
"""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from relprop.adopting import adopted
from relprop.cli import command
from relprop.folders import require_folders
from relprop.runs import choose_checkpoint
from relprop.sentences import by_method

CONF = Path(__file__).resolve().parents[1] / "conf"


@command("visualize", CONF)
def main(config: DictConfig) -> None:
    words, asked = HydraConfig.get().overrides.task, config
    config = adopted(asked, words)
    if config.image is None:
        require_folders(config.dataset.name, config.dataset.data_dir, ["test"])
    checkpoint = choose_checkpoint(config, asked)
    from relprop.experiment import explain_photos, visualize  # here, since torch takes seconds that a refusal need not

    if config.image is None:
        visualize(config, checkpoint, asked)
    else:
        methods = by_method(asked, CONF, "visualize")
        explain_photos([adopted(each, words) for each in methods], checkpoint)


if __name__ == "__main__":
    main()
