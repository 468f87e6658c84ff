"""A small paper of a network that has learnt nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from relprop.data import build_datamodule
from relprop.models import build_model
from tests.configs import composed

TABLE = {
    "caption": "Scores of two floors.",
    "rows": {"noise": ["method=random"], "edges": ["method=sobel"]},
    "columns": {
        "strict": ["protocol=strict", "protocol.step=256"],
        "otsuki2024": ["protocol=otsuki2024", "protocol.step=256"],
    },
    "scores": ["insertion", "deletion", "id"],
    "words": ["metric=insertion_deletion"],
}
PAPER = {
    "name": "floors",
    "title": "Two floors",
    "words": ["dataset=digits", "images=6", "sheet=2", "batch_size=4"],
    "networks": {"ResNet-20": {"words": ["model=resnet20"], "ckpt": "net.pt"}},
    "tables": {"floors": TABLE},
}


def save_weights(folder: Path) -> None:
    """Random weights of a ResNet-20 for the digits, as `net.pt`."""
    torch.manual_seed(0)
    size = build_datamodule("digits").image_size
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(build_model("resnet20", num_classes=10, image_size=size).state_dict(), folder / "net.pt")


def asked(folder: Path, paper: Mapping[str, Any], *words: str) -> DictConfig:
    """The config of reproduce.py with another paper, its results in `folder`."""
    config = composed("reproduce", folder, "logger=csv", "accelerator=cpu", f"weights_dir={folder}/weights", *words)
    OmegaConf.set_struct(config, False)
    config.paper = OmegaConf.create(dict(paper))
    config.run_dir = f"{folder}/results"
    return config
