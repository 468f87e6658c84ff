"""Whole recipes through Lightning: every optimizer with every schedule, and a training that continues."""

from itertools import product
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint

from relprop.training import OPTIMIZERS, SCHEDULERS
from relprop.training.recipe import Recipe
from tests.training.fitting import CONSTANT, SGD, STEPS, Recorder, classifier, digits, fit, options_in


@pytest.mark.parametrize(("optimizer", "scheduler"), list(product(OPTIMIZERS, SCHEDULERS)))
def test_optimizer_with_schedule(optimizer: str, scheduler: str) -> None:
    """Every weight moves, and the head by a rate that keeps its ratio to the others'."""
    options = options_in("optimizer", optimizer)
    module = classifier(options, options_in("scheduler", scheduler), head_lr=options["lr"] / 8)
    before = {name: p.clone() for name, p in module.model.named_parameters()}
    recorder = Recorder()
    fit(module, recorder)
    assert all(p.isfinite().all() and not torch.equal(p, before[name]) for name, p in module.model.named_parameters())
    assert len(recorder.rates) == STEPS
    for rates in recorder.rates:
        assert rates == pytest.approx([rates[0], rates[0], rates[0] / 8, rates[0] / 8])


RESUMED: dict[str, dict[str, Any]] = {
    "sam": {"optimizer": options_in("optimizer", "sam"), "scheduler": options_in("scheduler", "cosine")},
    "adamw": {"optimizer": options_in("optimizer", "adamw"), "scheduler": options_in("scheduler", "onecycle")},
    "adadelta": {"optimizer": options_in("optimizer", "adadelta"), "scheduler": options_in("scheduler", "step")},
    "plateau": {"scheduler": {"name": "plateau", "factor": 0.5, "patience": 0, "warmup": 0.4}},
    "ema": {"ema": 0.9},
    "frozen": {"freeze": "last_3", "head_lr": 0.5, "label_smoothing": 0.1},
}


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")  # as it has to be
@pytest.mark.parametrize("name", RESUMED)
def test_training_that_continues_ends_with_the_same_weights(name: str, tmp_path: Path) -> None:
    """Bit by bit, from the checkpoint behind the second of four epochs."""
    whole, recorder = classifier(**RESUMED[name]), Recorder()
    rest, later = classifier(**RESUMED[name]), Recorder()
    for module, recording, start in ((whole, recorder, None), (rest, later, tmp_path / "epoch=1.ckpt")):
        keep = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1, enable_version_counter=False)
        callbacks = (keep, recording, *module.recipe.callbacks())
        fit(module, *callbacks, epochs=4, ckpt_path=start, enable_checkpointing=True)
    assert later.rates == recorder.rates[2 * STEPS :]
    assert len(later.rates) == 2 * STEPS
    for key, value in whole.state_dict().items():
        assert torch.equal(rest.state_dict()[key], value), key


class Losses(Callback):
    """Gives the schedule these validation losses instead of those that were measured."""

    def __init__(self, *losses: float) -> None:
        self.losses = iter(losses)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        scheduler, loss = trainer.lr_scheduler_configs[-1].scheduler, next(self.losses)
        scheduler.step = lambda *_: type(scheduler).step(scheduler, loss)


def test_plateau_behind_its_warmup_falls_with_the_losses_of_the_epochs() -> None:
    """Every epoch counts once."""
    schedule = {"name": "plateau", "factor": 0.5, "patience": 0, "warmup": 0.3}
    recorder = Recorder()
    fit(classifier({**SGD, "lr": 0.3}, schedule), Losses(3, 2, 2, 1, 1), recorder, epochs=5)
    warm = round(0.3 * 5 * STEPS)
    rising = [0.3 * min(1, (step + 1) / warm) for step in range(5 * STEPS)]
    halved = [1] * 3 * STEPS + [0.5] * 2 * STEPS
    assert [rates[0] for rates in recorder.rates] == pytest.approx([r * h for r, h in zip(rising, halved, strict=True)])


@pytest.mark.parametrize("model", ["vgg11_bn", "abn_resnet20"])
def test_labels_are_smoothed_in_training_alone(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = classifier(model=model, label_smoothing=0.2).eval()
    batch = digits().on_after_batch_transfer(next(iter(digits().val_dataloader())))
    logged: dict[str, torch.Tensor] = {}
    monkeypatch.setattr(module, "log_dict", lambda values, **_: logged.update(values))
    with torch.no_grad():
        module.training_step(batch)
        module.validation_step(batch)
        network = module.model
        outputs = [network(batch.images)]
        if model.startswith("abn"):
            outputs.append(network.branch.logits(network.branch.evidence(network.features(batch.images))))
    smooth = 0.8 * F.one_hot(batch.labels, 10) + 0.2 / 10
    trained = sum(-(smooth * logits.log_softmax(1)).sum(1).mean() for logits in outputs)
    plain = sum(F.cross_entropy(logits, batch.labels) for logits in outputs)
    assert logged["train/loss"].item() == pytest.approx(trained.item(), rel=1e-4)
    assert logged["val/loss"].item() == pytest.approx(plain.item(), rel=1e-4)


def test_training_stops_when_accuracy_does_not_get_better() -> None:
    """A network that learns nothing is as good as after its first epoch for ever."""
    module = classifier({**SGD, "lr": 1e-12}, model="resnet20", patience=2)
    assert fit(module, *module.recipe.callbacks(), epochs=9).current_epoch == 3
    again = classifier({**SGD, "lr": 1e-12}, model="resnet20")
    assert fit(again, *again.recipe.callbacks(), epochs=4).current_epoch == 4


def test_memory_format_is_that_of_the_recipe() -> None:
    for channels_last in (True, False):
        module = classifier(channels_last=channels_last)
        seen = []
        module.model.register_forward_pre_hook(lambda _, given, kept=seen: kept.append(given[0]))
        fit(module)
        for tensor in (*seen, module.model.features[4].weight):
            assert tensor.is_contiguous(memory_format=torch.channels_last) == channels_last
        assert len(seen) == STEPS + 1


def test_memory_format_leaves_the_results_and_the_names_alone() -> None:
    first, second = classifier(channels_last=True), classifier(channels_last=False)
    for module in (first, second):
        fit(module, Recorder())
    for (name, ours), (other, theirs) in zip(first.state_dict().items(), second.state_dict().items(), strict=True):
        assert name == other
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_rates_of_the_groups_are_logged_by_name(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    monitor = LearningRateMonitor("step")
    module = classifier(head_lr=0.01, scheduler={**CONSTANT, "warmup": 0.5})
    fit(module, monitor, logger=CSVLogger(tmp_path), log_every_n_steps=1)
    assert [name.partition("/")[2] for name in monitor.lrs] == [
        "weights",
        "norms_and_biases",
        "head_weights",
        "head_norms_and_biases",
    ]
    assert all(rates[0] < rates[-1] for rates in monitor.lrs.values())


def test_older_checkpoints_have_no_recipe() -> None:
    module = classifier()
    plain = {key: value for key, value in module.hparams.items() if key != "recipe"}
    assert type(module)(**plain).recipe == Recipe()
