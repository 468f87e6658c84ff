import pytest

from relprop.config import CHOICES
from relprop.training.precision import resolve_precision


@pytest.mark.parametrize("precision", CHOICES["trainer.precision"])
def test_a_gpu_gets_what_was_asked_for(precision: str) -> None:
    assert resolve_precision(precision, on_cpu=False) == (precision, None)


@pytest.mark.parametrize(("precision", "instead"), [("16-mixed", "bf16-mixed"), ("16-true", "bf16-true")])
def test_a_cpu_takes_bfloat16_and_says_so(precision: str, instead: str) -> None:
    used, message = resolve_precision(precision, on_cpu=True)
    assert used == instead
    assert message == f"precision {precision} does not exist on a CPU; training uses {instead}"


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "64-true"])
def test_a_cpu_keeps_what_it_can_do(precision: str) -> None:
    assert resolve_precision(precision, on_cpu=True) == (precision, None)
