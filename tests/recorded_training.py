"""scripts/train.py without dropout; each process writes what its steps saw, and their losses, into `run_dir`.

Processes have dropout masks of their own, by which their losses could not be compared with those of one process.
"""

import json
from pathlib import Path

from omegaconf import DictConfig

from relprop.cli import command
from relprop.processes import rank
from relprop.unfinished import register_resolver

register_resolver()


@command("train", Path(__file__).resolve().parents[1] / "conf")
def main(config: DictConfig) -> None:
    from torch import nn

    from relprop.experiment import train
    from relprop.training import Classifier

    steps = []

    def drop_nothing(classifier: Classifier) -> None:
        for module in classifier.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0

    def record(classifier: Classifier, outputs: dict, batch: tuple, batch_idx: int) -> None:
        sums = batch.images.double().sum((1, 2, 3)).tolist()
        steps.append({"loss": outputs["loss"].item(), "indices": batch.indices.tolist(), "sums": sums})

    Classifier.on_train_start = drop_nothing
    Classifier.on_train_batch_end = record
    train(config)
    (Path(config.run_dir) / f"steps{rank()}.json").write_text(json.dumps(steps))


if __name__ == "__main__":
    main()
