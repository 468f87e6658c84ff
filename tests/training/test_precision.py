import pytest

from relprop.config import CHOICES
from relprop.training.precision import resolve_precision


@pytest.mark.parametrize("precision", CHOICES["trainer.precision"])
def test_a_gpu_gets_what_was_asked_for(precision: str) -> None:
    assert resolve_precision(precision, on_cpu=False) == (precision, None)


def test_a_cpu_takes_bfloat16_and_says_so() -> None:
    used, message = resolve_precision("16-mixed", on_cpu=True)
    assert used == "bf16-mixed"
    assert message == "precision 16-mixed does not exist on a CPU; using bf16-mixed"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_cpu_keeps_what_it_can_do(precision: str) -> None:
    assert resolve_precision(precision, on_cpu=True) == (precision, None)
