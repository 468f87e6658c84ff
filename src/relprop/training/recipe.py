"""How a network is trained beside its optimizer and schedule: the keys of the same names in conf/train.yaml."""

from dataclasses import dataclass

from lightning.pytorch.callbacks import Callback, EarlyStopping

from relprop.training.ema import ExponentialMovingAverage

# What the best checkpoint is chosen by, and what early stopping waits for.
MONITOR, MODE = "val/accuracy", "max"


@dataclass(frozen=True)
class Recipe:
    """What a training does beside its optimizer and schedule.

    `freeze` names the layers that are not trained, see `relprop.training.freezing.freeze`; `label_smoothing` in [0, 1]
    is the share of the target that all classes have in equal parts; `head_lr` is the learning rate of the layers that
    tell the classes apart, None: that of all others; `patience` is after how many epochs without a better `MONITOR` the
    training stops, None: never; `ema` is the decay of the average of the weights, None: no average;
    `channels_last` lays weights and images out with the channels last; `compile` compiles the network.
    """

    freeze: str = "none"
    label_smoothing: float = 0.0
    head_lr: float | None = None
    patience: int | None = None
    ema: float | None = None
    channels_last: bool = True
    compile: bool = False

    def callbacks(self) -> list[Callback]:
        """The callbacks that average the weights and stop early, as far as the recipe has them."""
        chosen: list[Callback] = []
        if self.ema is not None:
            chosen.append(ExponentialMovingAverage(self.ema))
        if self.patience is not None:
            chosen.append(EarlyStopping(MONITOR, mode=MODE, patience=self.patience))
        return chosen
