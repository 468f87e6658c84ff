"""scripts/train.py without dropout; each process writes what its steps saw, and their losses, into `run_dir`.

Processes have dropout masks of their own, by which their losses could not be compared with those of one process. With
KILLED_IN_EPOCH=N the second process is killed when its epoch N begins, unless the training is one that continues.
"""

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

from torch import nn

from relprop.processes import rank
from relprop.training import Classifier

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def drop_nothing(classifier: Classifier) -> None:
    for module in classifier.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def record(classifier: Classifier, outputs: dict, batch: tuple, batch_idx: int) -> None:
    sums = batch.images.double().sum((1, 2, 3)).tolist()
    step = {"loss": outputs["loss"].item(), "indices": batch.indices.tolist(), "sums": sums}
    with (Path(classifier.trainer.default_root_dir) / f"steps{rank()}.jsonl").open("a") as file:
        file.write(json.dumps(step) + "\n")


def be_killed(classifier: Classifier) -> None:
    if rank() == 1 and classifier.current_epoch == int(os.environ.get("KILLED_IN_EPOCH", -1)):
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Classifier.on_train_start = drop_nothing
    Classifier.on_train_batch_end = record
    Classifier.on_train_epoch_start = be_killed
    sys.path.append(str(SCRIPTS))
    import_module("train").main()
