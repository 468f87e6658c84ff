"""What the page must show, computed from a checkpoint without the page."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from relprop.adopting import adopted
from relprop.checkpoints import load_network
from relprop.data import ImageDataModule
from relprop.experiment.building import build_data, options_of
from relprop.explainers import get_explainer
from relprop.lrp.audit import Audit
from tests.configs import composed


@dataclass(frozen=True)
class Truth:
    """A network and its data set. Pictures are (3, S, S), uint8."""

    network: nn.Module
    data: ImageDataModule

    @classmethod
    def of(cls, checkpoint: Path, folder: Path) -> "Truth":
        words = [f"ckpt={checkpoint}"]
        config = adopted(composed("visualize", folder, *words), words)
        data = build_data(config)
        network, _ = load_network(checkpoint, config.model.name, data, options_of(config.model))
        return cls(network.eval(), data)

    def normalised(self, pixels: Tensor) -> Tensor:
        mean, std = torch.tensor([self.data.mean, self.data.std]).view(2, 1, 3, 1, 1)
        return (pixels[None].float() / 255 - mean) / std

    def probabilities(self, pixels: Tensor) -> Tensor:
        with torch.no_grad():
            return self.network(self.normalised(pixels)).softmax(1)[0]

    def heatmap(self, pixels: Tensor, target: int, method: str = "lrp", **options: object) -> Tensor:
        """(S, S)."""
        return get_explainer(method, self.network, **options)(self.normalised(pixels), target).sum(1)[0]

    def audit(self, pixels: Tensor, target: int) -> Audit:
        return get_explainer("lrp", self.network).engine.audit(self.normalised(pixels), target)

    def test_image(self, position: int) -> Tensor:
        return self.data.frame(self.data.split("test").__getitems__([position]).images)[0]
