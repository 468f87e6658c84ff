"""How long the epochs of a training take, and for how much of that its steps wait for data."""

import resource
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import lightning as L
import torch
from torch import Tensor

from relprop.data import Batch

Mark: TypeAlias = float | torch.Event
MEGABYTE = 1e6


@dataclass
class Epoch:
    """What has been seen of one epoch: spans of waiting and of steps, as pairs of marks, and images."""

    waits: list[tuple[Mark, Mark]] = field(default_factory=list)
    steps: list[tuple[Mark, Mark]] = field(default_factory=list)
    images: int = 0


class Timing(L.Callback):
    """Seconds per epoch of training, validation apart, and the share of them in which the steps wait for data.

        t(epoch) = Σ_k wait_k + Σ_k step_k,   data wait share = Σ_k wait_k / t(epoch)

    wait_k lasts from the end of step k - 1, or the start of the epoch, to the start of step k: fetching the batch,
    its transfer, and augmentation and normalisation on the device. step_k is forward, backward and update. Both are
    logged after each epoch as `time/epoch_seconds` and `time/data_wait_share`, means over the processes.

    A GPU works off a queue, and the clock of the host would measure how fast that is filled. So on a GPU the marks are
    events in its queue: the time between two of them is the GPU's own, whether it works (transfer, augmentation) or
    stands idle because the host still fetches. What the host fetches while the GPU is at work on the step before costs
    nothing and does not count. The events are read once an epoch, by when all but the last have passed.
    """

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self._epoch = Epoch()
        self._mark: Mark = 0.0
        self._device = torch.device("cpu")

    @property
    def summary(self) -> dict[str, Any]:
        """Medians over the whole epochs of this session, in `timed_epochs`; None if it has none.

        Epochs before a training was killed and continued are not among them. `peak_memory_megabytes` (10^6 bytes) is
        what `peak_memory_of` says: tensors on the GPU, or all that the process has in memory, libraries included.
        """
        whole = self.epochs
        middle = {
            name: statistics.median(epoch[name] for epoch in whole) if whole else None
            for name in ("seconds_per_epoch", "data_wait_share", "images_per_second")
        }
        return {**middle, "timed_epochs": len(whole), **_peak_memory(self._device)}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Forget another training's memory."""
        self._device = trainer.strategy.root_device
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The first step waits from here on."""
        self._epoch, self._mark = Epoch(), self._now()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """The batch is there."""
        self._span(self._epoch.waits)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """The step is done, or its end is in the queue."""
        self._span(self._epoch.steps)
        self._epoch.images += len(batch.labels)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A validation between two steps does not count."""
        self._mark = self._now()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add up and log; an epoch that was broken off, or begun by an earlier session, is left out."""
        epoch = self._epoch
        if not epoch.steps or len(epoch.steps) != trainer.num_training_batches:
            return
        if isinstance(self._mark, torch.Event):
            self._mark.synchronize()
        waited, stepped = (sum(_seconds(*span) for span in spans) for spans in (epoch.waits, epoch.steps))
        seconds = waited + stepped
        share = waited / seconds
        images = epoch.images * trainer.world_size / seconds
        self.epochs.append({"seconds_per_epoch": seconds, "data_wait_share": share, "images_per_second": images})
        values: dict[str, float | Tensor] = {"time/epoch_seconds": seconds, "time/data_wait_share": share}
        pl_module.log_dict(values, on_step=False, on_epoch=True, sync_dist=True, batch_size=1)

    def _span(self, spans: list[tuple[Mark, Mark]]) -> None:
        now = self._now()
        spans.append((self._mark, now))
        self._mark = now

    def _now(self) -> Mark:
        if self._device.type == "cpu":
            return time.perf_counter()
        event = torch.Event(self._device, enable_timing=True)
        event.record()
        return event


def _seconds(first: Mark, second: Mark) -> float:
    if isinstance(first, torch.Event) and isinstance(second, torch.Event):
        return float(first.elapsed_time(second)) / 1000
    assert isinstance(first, float) and isinstance(second, float)
    return second - first


def _peak_memory(device: torch.device) -> dict[str, Any]:
    if device.type == "cuda":
        peak, owner = torch.cuda.max_memory_allocated(device), "tensors on the GPU"
    else:
        unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kibibytes on Linux
        peak, owner = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit, "the process"
    return {"peak_memory_megabytes": peak / MEGABYTE, "peak_memory_of": owner}
