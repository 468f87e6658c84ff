"""Where a checkpoint comes from, written into it."""

from collections.abc import Mapping
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

KEY = "relprop"


class Origin(Callback):
    """Puts under `KEY` of every checkpoint: `config`, as YAML, and what `provenance` says of commit and versions.

    With Lightning's hyper-parameters, which name the classes, the network can be built again from the file alone. All
    of it is plain data, which torch.load reads with weights_only=True.
    """

    def __init__(self, config: str, provenance: Mapping[str, Any]) -> None:
        self.content = {"config": config, **provenance}

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add it."""
        checkpoint[KEY] = self.content
