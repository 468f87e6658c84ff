"""The average of the weights against a loop, and where it is used: validation, checkpoints, the end of the training."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from relprop.checkpoints import load_network
from relprop.data import build_datamodule
from relprop.models.weights import load_weights
from relprop.training.ema import ExponentialMovingAverage
from tests.training.fitting import STEPS, Recorder, classifier, digits, fit

DECAY = 0.25


def averaged(weights: list[dict[str, Tensor]], decay: float) -> dict[str, Tensor]:
    """By the formula; the first weights are the first average."""
    average = dict(weights[0])
    for step, current in enumerate(weights[1:], start=1):
        d = min(decay, (1 + step) / (10 + step))
        for name, value in current.items():
            floating = value.is_floating_point()
            average[name] = d * average[name] + (1 - d) * value if floating else value
    return average


@pytest.mark.parametrize("decay", [DECAY, 0.99])
def test_network_ends_as_the_average_of_its_weights_and_statistics(decay: float) -> None:
    """A decay of 0.99 is not reached in six steps, where the average takes the smaller (1 + t) / (10 + t)."""
    module, recorder = classifier(ema=decay), Recorder()
    fit(module, recorder, *module.recipe.callbacks(), epochs=2)
    expected = averaged(recorder.weights, decay)
    assert len(recorder.weights) == 2 * STEPS
    assert expected.keys() == module.state_dict().keys()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, expected[name])
    assert not torch.allclose(expected["model.features.0.weight"], recorder.weights[-1]["model.features.0.weight"])


def test_average_is_validated_and_kept_and_the_weights_go_on(tmp_path: Path) -> None:
    module, recorder = classifier(ema=DECAY), Recorder()
    best = ModelCheckpoint(tmp_path, monitor="val/accuracy", mode="max", filename="best", save_last=True)
    callbacks = (best, *module.recipe.callbacks())
    trainer = fit(module, recorder, *callbacks, enable_checkpointing=True)
    expected = averaged(recorder.weights, DECAY)
    content = torch.load(best.best_model_path, weights_only=True)
    for name, value in content["state_dict"].items():
        torch.testing.assert_close(value, expected[name])
    assert all(torch.equal(content["current_model_state"][name], v) for name, v in recorder.weights[-1].items())

    network, _ = load_network(Path(best.best_model_path), "vgg11_bn", build_datamodule("digits"))
    fresh = classifier().model
    load_weights(fresh, best.best_model_path)
    batch = digits().on_after_batch_transfer(next(iter(digits().val_dataloader())))
    for loaded in (network, fresh):
        with torch.no_grad():
            loss = F.cross_entropy(loaded.eval()(batch.images), batch.labels).item()
        assert trainer.callback_metrics["val/loss"].item() == pytest.approx(loss, rel=1e-5)


def test_frozen_weights_stay_bit_by_bit() -> None:
    """Which d w + (1 - d) w would not do."""
    module = classifier(ema=0.7, freeze="all_but_head")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    fit(module, *module.recipe.callbacks(), epochs=2)
    changed = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"model.classifier.3.weight", "model.classifier.3.bias"}


def test_there_is_none_unless_asked_for() -> None:
    assert not any(isinstance(callback, ExponentialMovingAverage) for callback in classifier().recipe.callbacks())
