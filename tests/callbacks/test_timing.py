"""What is measured of the epochs of a training, against sleeps of known length."""

import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from relprop.callbacks import Timing
from relprop.data import Batch

WAIT, STEP, VALIDATION = 0.03, 0.02, 0.15
BATCHES, SIZE = 3, 5


class SlowData(L.LightningDataModule):
    """Batches that each take `WAIT` to move to the device."""

    def train_dataloader(self) -> DataLoader[Batch]:
        images = [Batch(torch.zeros(SIZE, 2), torch.zeros(SIZE).long(), torch.arange(SIZE))] * BATCHES
        return DataLoader(images, batch_size=None)

    val_dataloader = train_dataloader

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        time.sleep(WAIT)
        return batch


class SlowSteps(L.LightningModule):
    """Steps that each take `STEP`; `validation_step` is slow enough to be seen if it counted."""

    def __init__(self, slow_epoch: int | None = None) -> None:
        super().__init__()
        self.layer, self.slow_epoch = nn.Linear(2, 1), slow_epoch

    def training_step(self, batch: Batch) -> Tensor:
        time.sleep(STEP + 0.2 * (self.current_epoch == self.slow_epoch))
        return self.layer(batch.images).sum()

    def validation_step(self, batch: Batch) -> None:
        time.sleep(VALIDATION)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


def timed(model: L.LightningModule, timing: Timing, **options: Any) -> L.Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = L.Trainer(accelerator="cpu", callbacks=[timing], logger=False, **quiet, **options)
    trainer.fit(model, SlowData())
    return trainer


@pytest.mark.parametrize("interval", [1.0, 1])
def test_waits_and_steps_add_up_without_validation(interval: float) -> None:
    """Validation at the end of the epoch (1.0) or after every batch (1)."""
    timing = Timing()
    trainer = timed(SlowSteps(), timing, max_epochs=2, val_check_interval=interval, limit_val_batches=1)
    least = BATCHES * (WAIT + STEP)
    assert len(timing.epochs) == timing.summary["timed_epochs"] == 2
    for epoch in timing.epochs:
        assert least <= epoch["seconds_per_epoch"] < least + VALIDATION
        assert epoch["images_per_second"] == pytest.approx(BATCHES * SIZE / epoch["seconds_per_epoch"])
        seconds = epoch["data_wait_share"] * epoch["seconds_per_epoch"]
        assert BATCHES * WAIT <= seconds <= epoch["seconds_per_epoch"] - BATCHES * STEP
    last = timing.epochs[-1]
    assert trainer.callback_metrics["time/epoch_seconds"] == pytest.approx(last["seconds_per_epoch"])
    assert trainer.callback_metrics["time/data_wait_share"] == pytest.approx(last["data_wait_share"])


def test_summary_has_medians() -> None:
    timing = Timing()
    timed(SlowSteps(slow_epoch=0), timing, max_epochs=3, limit_val_batches=0)
    for name in ("seconds_per_epoch", "data_wait_share", "images_per_second"):
        assert timing.summary[name] == statistics.median(epoch[name] for epoch in timing.epochs)
    assert timing.summary["seconds_per_epoch"] < BATCHES * (WAIT + STEP) + 0.2  # not that of the slow epoch


def test_an_epoch_that_was_broken_off_does_not_count() -> None:
    timing = Timing()
    timed(SlowSteps(), timing, max_steps=BATCHES + 1, max_epochs=2, limit_val_batches=0)
    assert timing.summary["timed_epochs"] == 1
    timing = Timing()
    timed(SlowSteps(), timing, max_steps=BATCHES - 1, max_epochs=1, limit_val_batches=0)
    assert timing.summary["timed_epochs"] == 0
    assert timing.summary["seconds_per_epoch"] is None


@pytest.mark.parametrize(("platform", "unit"), [("linux", 1024), ("darwin", 1)])
def test_peak_memory_is_that_of_the_process(platform: str, unit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    summary = Timing().summary
    assert summary["peak_memory_megabytes"] == pytest.approx(peak * unit / 1e6, rel=0.01)
    assert summary["peak_memory_of"] == "the process"


def test_on_linux_peak_memory_is_what_the_kernel_says() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kibibytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    assert Timing().summary["peak_memory_megabytes"] == pytest.approx(kibibytes * 1024 / 1e6, rel=0.02)


def test_costs_next_to_nothing_per_step() -> None:
    timing, batch = Timing(), Batch(torch.zeros(1), torch.zeros(1), torch.zeros(1))
    timing.on_train_epoch_start(None, None)
    began = time.process_time()
    for step in range(1000):
        timing.on_train_batch_start(None, None, batch, step)
        timing.on_train_batch_end(None, None, None, batch, step)
    assert (time.process_time() - began) / 1000 < 1e-4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_clock_is_the_gpus() -> None:
    """Steps that are queued in no time take as long as their kernels; fetching beside them is no waiting."""
    timing, batch = Timing(), Batch(torch.zeros(1), torch.zeros(1), torch.zeros(1))
    timing._device = torch.device("cuda")
    weights = torch.randn(4096, 4096, device="cuda")
    weights @ weights
    torch.cuda.synchronize()

    def spans(fetch: float) -> tuple[float, float, float]:
        timing.on_train_epoch_start(None, None)
        for step in range(5):
            time.sleep(fetch)
            timing.on_train_batch_start(None, None, batch, step)
            for _ in range(50):
                torch.mm(weights, weights)
            timing.on_train_batch_end(None, None, None, batch, step)
        queued = time.perf_counter()
        torch.cuda.synchronize()
        epoch, still = timing._epoch, time.perf_counter() - queued
        waits, steps = ([a.elapsed_time(b) / 1000 for a, b in each] for each in (epoch.waits, epoch.steps))
        return sum(waits[1:]), sum(steps), still

    waited, stepped, still = spans(fetch=0.0)
    assert still > 0.3 * stepped  # the host was far ahead
    assert waited < 0.05 * stepped
    step = stepped / 5
    hidden, *_ = spans(fetch=0.3 * step)
    assert hidden < 0.1 * stepped
    open_wait, *_ = spans(fetch=3 * step)
    assert open_wait > 4 * 1.5 * step
