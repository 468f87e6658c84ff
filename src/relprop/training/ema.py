"""The exponential moving average of the weights, which is what is validated, tested and kept."""

from collections.abc import Callable

import lightning as L
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

AverageFunction = Callable[[list[Tensor], list[Tensor], Tensor | int], None]


class ExponentialMovingAverage(WeightAveraging):
    """Averages the weights and the statistics of the norms after every optimizer step.

        w̄_1 = w_1,   w̄_{t+1} = d w̄_t + (1 - d) w_{t+1},   d = min(decay, (1 + t) / (10 + t))

    (After Polyak and Juditsky 1992, who average with equal shares; d grows to `decay` as in
    tf.train.ExponentialMovingAverage, so that the first weights are soon forgotten in a short training, too.)
    Validation, the checkpoints' `state_dict` and the network after the training have w̄; the checkpoints hold w under
    `current_model_state`, from which a training continues.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, multi_avg_fn=moving_average(decay))

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the average where the network is by now: Lightning makes it before it moves the network there."""
        assert self._average_model is not None
        self._average_model.to(trainer.strategy.root_device)


def moving_average(decay: float) -> AverageFunction:
    """The function that takes averages, weights, and how many weights are in the averages, and updates these."""

    def update(averages: list[Tensor], weights: list[Tensor], averaged: Tensor | int) -> None:
        if not averages[0].is_floating_point():  # the number of batches that a norm has seen
            torch._foreach_copy_(averages, weights)
            return
        count = int(averaged)
        share = 1 - min(decay, (1 + count) / (10 + count))
        torch._foreach_lerp_(averages, weights, share)  # leaves frozen weights as they are, bit by bit

    return update
