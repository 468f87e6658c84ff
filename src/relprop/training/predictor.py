"""The LightningModule around a network that is trained already."""

import lightning as L
from torch import Tensor, nn

from relprop.data import Batch


class Predictor(L.LightningModule):
    """Gives logits to the callbacks of a test loop, which do the work."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def test_step(self, batch: Batch) -> Tensor:
        """Logits (N, classes) of a batch."""
        logits: Tensor = self.network(batch.images)
        return logits
