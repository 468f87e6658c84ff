import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from relprop.seeding import mixed_seed
from relprop.training.seeded_steps import SeededSteps
from tests.training.fitting import classifier, fit


class Draws(Callback):
    """What dropout would draw in each step; afterwards the generator is left anywhere."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        self.seen.append(torch.rand(()).item())
        torch.manual_seed(len(self.seen) * trainer.max_epochs)


def draws(seed: int, epochs: int) -> list[float]:
    seen = Draws()
    fit(classifier(), SeededSteps(seed), seen, epochs=epochs)
    return seen.seen


def test_what_a_step_draws_depends_on_seed_epoch_and_batch() -> None:
    long = draws(0, epochs=3)
    assert len(set(long)) == 9
    assert draws(0, epochs=1) == long[:3]
    assert set(draws(1, epochs=1)).isdisjoint(long)


def test_no_two_steps_have_the_same_seed() -> None:
    every = {
        mixed_seed(*step)
        for step in [(s, e, b, p) for s in range(3) for e in range(9) for b in range(9) for p in (0, 1)]
    }
    assert len(every) == 3 * 9 * 9 * 2
    assert len({seed % 2**32 for seed in every}) == len(every)  # which is what torch takes on the CPU
    assert all(0 <= seed < 2**64 for seed in every)
