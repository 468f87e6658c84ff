"""SAM against the formula of Foret et al. written out, within Lightning's loop."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor, nn

from relprop.errors import UserError
from relprop.training import Classifier
from relprop.training.sam import SAM, statistics_kept
from tests.training.fitting import SGD, Recorder, classifier, fit

RHO, RATE, MOMENTUM, DECAY = 0.3, 0.05, 0.9, 0.01
OPTIONS: dict[str, Any] = {"name": "sam", "lr": RATE, "rho": RHO, "momentum": MOMENTUM, "weight_decay": DECAY}


def literally(module: Classifier, recorder: Recorder, clip: float | None) -> list[float]:
    """The same steps on the recorded batches by hand; the losses at the weights themselves."""
    network = module.model.train()
    velocity = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    losses = []
    for step, batch in enumerate(recorder.batches):

        def gradient(seed: int = step, given: Any = batch) -> tuple[float, dict[str, Tensor]]:
            torch.manual_seed(seed)
            network.zero_grad()
            loss = F.cross_entropy(network(given.images), given.labels)
            loss.backward()
            return loss.item(), {name: p.grad.clone() for name, p in network.named_parameters()}

        loss, first = gradient()
        losses.append(loss)
        kept = {name: b.clone() for name, b in network.named_buffers()}
        before = {name: p.detach().clone() for name, p in network.named_parameters()}
        norm = sum(g.square().sum() for g in first.values()).sqrt()
        with torch.no_grad():
            for name, p in network.named_parameters():
                p += RHO * first[name] / norm
        _, second = gradient()
        size = sum(g.square().sum() for g in second.values()).sqrt()
        shrink = 1.0 if clip is None else min(1.0, clip / (size.item() + 1e-6))
        with torch.no_grad():
            for name, p in network.named_parameters():
                decay = DECAY if p.dim() > 1 else 0.0
                velocity[name] = MOMENTUM * velocity[name] + second[name] * shrink + decay * before[name]
                p.copy_(before[name] - RATE * velocity[name])
            for name, b in network.named_buffers():
                b.copy_(kept[name])
    return losses


@pytest.mark.parametrize("clip", [None, 0.5])
def test_steps_are_those_of_the_paper(clip: float | None) -> None:
    """Dropout is the same in both passes, norms count a batch once, and so does what is logged."""
    trained, expected, recorder = classifier(OPTIONS), classifier(OPTIONS), Recorder()
    trainer = fit(trained, recorder, gradient_clip_val=clip)
    losses = literally(expected, recorder, clip)
    assert trainer.global_step == len(losses) == 3
    for name, value in expected.model.state_dict().items():
        torch.testing.assert_close(trained.model.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert trained.model.features[1].num_batches_tracked == 3
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(sum(losses) / 3, rel=1e-5)


def test_first_gradient_is_not_what_is_descended() -> None:
    """With another radius the same batches end in other weights."""
    small, large = classifier({**OPTIONS, "rho": 1e-9}), classifier(OPTIONS)
    plain = classifier({**SGD, "lr": RATE, "momentum": MOMENTUM, "weight_decay": DECAY})
    for module in (small, large, plain):
        fit(module, Recorder())
    name = "features.0.weight"
    torch.testing.assert_close(small.model.get_parameter(name), plain.model.get_parameter(name))
    assert not torch.allclose(large.model.get_parameter(name), plain.model.get_parameter(name))


def test_works_with_automatic_mixed_precision() -> None:
    trained = classifier(OPTIONS)
    before = {name: p.clone() for name, p in trained.model.named_parameters()}
    fit(trained, Recorder(), precision="bf16-mixed")
    for name, p in trained.model.named_parameters():
        assert p.isfinite().all() and not torch.equal(p, before[name]), name


def test_weights_come_back_when_the_second_pass_fails() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    optimizer = SAM([weight], lr=0.1, rho=0.5)

    def closure() -> Tensor:
        if optimizer.ascended:
            raise KeyboardInterrupt
        weight.grad = torch.tensor([3.0, 4.0])
        return weight.sum()

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert weight.tolist() == [1.0, 2.0]
    assert not optimizer.ascended


def test_gradient_of_zero_stays_where_it_is() -> None:
    weight = nn.Parameter(torch.tensor([1.0]))

    def closure() -> Tensor:
        weight.grad = torch.zeros(1)
        return weight.sum()

    SAM([weight], lr=0.1, rho=0.5).step(closure)
    assert weight.item() == 1.0


def test_norms_that_keep_their_statistics_still_normalise_by_the_batch() -> None:
    norm, images = nn.BatchNorm2d(3), torch.randn(4, 3, 5, 5)
    usual = nn.BatchNorm2d(3)(images)
    with statistics_kept(norm):
        kept = norm(images)
    torch.testing.assert_close(kept, usual)
    assert norm.running_mean.tolist() == [0, 0, 0] and norm.num_batches_tracked == 0
    norm(images)
    assert norm.num_batches_tracked == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate_grad_batches": 2}, "optimizer=sam takes .*; leave trainer.accumulate_grad_batches=2 out"),
        (
            {"plugins": MixedPrecision("16-mixed", "cpu")},
            "optimizer=sam takes .* trainer.precision=16-mixed does not allow; .*bf16-mixed",
        ),
    ],
)
def test_what_it_cannot_do_is_refused_before_training(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    recorder = Recorder()
    with pytest.raises(UserError, match=message):
        fit(classifier(OPTIONS), recorder, **options)
    assert recorder.batches == []


def test_step_without_a_closure_is_refused() -> None:
    with pytest.raises(UserError, match="optimizer=sam takes every gradient twice, for which its step needs a closure"):
        SAM([nn.Parameter(torch.zeros(1))], lr=0.1, rho=0.05).step()
    with pytest.raises(UserError, match="optimizer.rho=0 is not valid"):
        SAM([nn.Parameter(torch.zeros(1))], lr=0.1, rho=0)
