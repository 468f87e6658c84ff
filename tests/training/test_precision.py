from collections.abc import Mapping

import pytest
import torch

from relprop.config import CHOICES
from relprop.training.precision import resolve_precision


def on_a_cpu(monkeypatch: pytest.MonkeyPatch, **capabilities: bool) -> None:
    found: Mapping[str, bool] = {"avx2": True, **capabilities}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)


@pytest.mark.parametrize("precision", CHOICES["trainer.precision"])
def test_a_gpu_gets_what_was_asked_for(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_cpu(monkeypatch)
    assert resolve_precision(precision, on_cpu=False) == (precision, None)


def test_a_cpu_takes_bfloat16_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_cpu(monkeypatch, avx512_bf16=True)
    used, message = resolve_precision("16-mixed", on_cpu=True)
    assert used == "bf16-mixed"
    assert message == "precision 16-mixed does not exist on a CPU; using bf16-mixed"


@pytest.mark.parametrize("instructions", ["avx512_bf16", "amx_bf16", "bf16", "sve_bf16"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_cpu_keeps_what_it_can_do(precision: str, instructions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_cpu(monkeypatch, **{instructions: True})
    assert resolve_precision(precision, on_cpu=True) == (precision, None)


def test_a_cpu_without_the_instructions_is_slow_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_cpu(monkeypatch, avx512_bf16=False)
    slow = "this CPU has no bfloat16 instructions, so that bf16-mixed is slower here than 32-true"
    assert resolve_precision("32-true", on_cpu=True) == ("32-true", None)
    assert resolve_precision("bf16-mixed", on_cpu=True) == ("bf16-mixed", slow)
    assert resolve_precision("16-mixed", on_cpu=True)[1] == (
        f"precision 16-mixed does not exist on a CPU; using bf16-mixed; {slow}"
    )


def test_torch_knows_of_the_instructions() -> None:
    """By one of the names that are asked for, on the machines of torch's own builds."""
    capabilities = torch.cpu.get_capabilities()
    assert {"avx512_bf16", "bf16"} & capabilities.keys()
